// From raw frames to what is drawn: transformations and field options, by Grafana's own code.

import {
  type DataFrame,
  FieldConfigOptionsRegistry,
  type FieldConfigPropertyItem,
  type GrafanaTheme2,
  applyFieldOverrides,
  cacheFieldDisplayNames,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import { firstValueFrom } from 'rxjs';
import { type Panel } from './board';

const STANDARD = ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'thresholds', 'mappings', 'links', 'color'];

/** The options of all fields, taken as they stand. Grafana's app has editors for them, which are not needed here. */
function options(panel: Panel): FieldConfigOptionsRegistry {
  const item = (path: string, isCustom: boolean) =>
    ({
      id: isCustom ? `custom.${path}` : path,
      path,
      name: path,
      isCustom,
      process: (value: unknown) => value,
      shouldApply: () => true,
    }) as unknown as FieldConfigPropertyItem;
  const overridden = panel.fieldConfig.overrides.flatMap(({ properties }) => properties.map(({ id }) => id));
  const custom = new Set([
    ...Object.keys(panel.fieldConfig.defaults.custom ?? {}),
    ...overridden.filter((id) => id.startsWith('custom.')).map((id) => id.slice('custom.'.length)),
  ]);
  return new FieldConfigOptionsRegistry(() => [
    ...STANDARD.map((name) => item(name, false)),
    ...[...custom].map((name) => item(name, true)),
  ]);
}

standardTransformersRegistry.setInit(() =>
  [
    standardTransformers.organizeFieldsTransformer,
    standardTransformers.mergeTransformer,
    standardTransformers.sortByTransformer,
  ].map(
    (transformation) =>
      ({ id: transformation.id, name: transformation.name, transformation: async () => transformation }) as never,
  ),
);

export async function dress(panel: Panel, frames: DataFrame[], theme: GrafanaTheme2): Promise<DataFrame[]> {
  // A file cannot say "from the bottom"; Grafana reads it so.
  const bottom = panel.fieldConfig.defaults.thresholds?.steps[0];
  if (bottom) {
    bottom.value = -Infinity;
  }
  const data = await firstValueFrom(transformDataFrame(panel.transformations, frames));
  const dressed = applyFieldOverrides({
    data,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: options(panel),
    replaceVariables: (text) => text,
    theme,
    timeZone: 'browser',
  });
  cacheFieldDisplayNames(dressed);
  return dressed;
}
