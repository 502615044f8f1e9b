import { type Field, FieldType, getFieldDisplayName } from '@grafana/data';
import { LegendDisplayMode } from '@grafana/schema';
import { VizLayout, VizLegend, measureText, useTheme2 } from '@grafana/ui';
import { type Props } from '../visualizations';
import { TimeAxis } from './axis';

const AXIS = 20;

/** A row for each series: bars as long as a state lasts (state timeline), or a cell for each point (status history). */
export function States({ panel, frames, range, width, height }: Props) {
  const theme = useTheme2();
  const rows = frames.flatMap((frame) => {
    const time = frame.fields.find(({ type }) => type === FieldType.time);
    const values = frame.fields.filter(({ type }) => type === FieldType.number);
    return values.map((field) => ({ time, field, name: getFieldDisplayName(field, frame, frames) }));
  });
  const left = Math.min(width / 3, Math.max(...rows.map(({ name }) => measureText(name, 12).width)) + 12);
  const items = words(rows.map(({ field }) => field));
  const legend = items.length > 0 && (
    <VizLayout.Legend placement="bottom">
      <VizLegend items={items} placement="bottom" displayMode={LegendDisplayMode.List} />
    </VizLayout.Legend>
  );
  return (
    <VizLayout width={width} height={height} legend={legend || null}>
      {(width, height) => {
        const [from, to] = [range.from.valueOf(), range.to.valueOf()];
        const across = width - left - 8;
        const x = (at: number) => left + ((at - from) / (to - from)) * across;
        const row = (height - AXIS) / rows.length;
        const thick = row * (panel.options.rowHeight ?? 0.9);
        return (
          <svg width={width} height={height} style={{ display: 'block' }}>
            {rows.map(({ time, field, name }, at) => {
              const step = time?.config.interval ?? 0;
              const wide = (step / (to - from)) * across;
              const cell = panel.type === 'status-history' ? wide * (panel.options.colWidth ?? 0.9) : wide;
              const y = at * row + (row - thick) / 2;
              return (
                <g key={at}>
                  <text x={left - 8} y={at * row + row / 2} fontSize={12} textAnchor="end" dominantBaseline="central" fill={theme.colors.text.primary}>
                    {name}
                  </text>
                  {field.values.map((value: number, index: number) => {
                    const start = x(time?.values[index]) - (panel.type === 'status-history' ? cell / 2 : 0);
                    const [begin, end] = [Math.max(start, left), Math.min(start + Math.max(cell, 1), width)];
                    const color = field.display?.(value).color;
                    return end > begin && <rect key={index} x={begin} y={y} width={end - begin} height={thick} fill={color} fillOpacity={0.8} shapeRendering="crispEdges" />;
                  })}
                </g>
              );
            })}
            <TimeAxis range={range} left={left} width={across} y={height - 6} />
          </svg>
        );
      }}
    </VizLayout>
  );
}

/** The legend: the words that the values have, or the thresholds. */
function words(fields: Field[]) {
  const found = new Map<string, string>();
  const coded = fields.some(({ config }) => (config.mappings ?? []).length > 0);
  if (coded) {
    for (const field of fields) {
      for (const value of [...new Set<number>(field.values)].sort((one, other) => one - other)) {
        const { text, color } = field.display?.(value) ?? { text: '' };
        found.set(text, color ?? '');
      }
    }
  } else {
    const field = fields[0];
    const steps = field.config.thresholds?.steps ?? [];
    for (const [at, { value }] of steps.entries()) {
      const shown = (value: number) => {
        const { text, suffix } = field.display?.(value) ?? { text: '' };
        return text + (suffix ?? '');
      };
      const next = steps[at + 1]?.value;
      const text = at === 0 ? (next === undefined ? '' : `< ${shown(next)}`) : `${shown(value)}+`;
      if (text) {
        found.set(text, field.display?.(at === 0 ? (next ?? 0) - 1e-6 : value).color ?? '');
      }
    }
  }
  return [...found].map(([label, color]) => ({ label, color, yAxis: 1 }));
}
