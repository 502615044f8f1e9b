import { FieldType, buildHistogram, formattedValueToString, getFieldDisplayName } from '@grafana/data';
import { LegendDisplayMode } from '@grafana/schema';
import { VizLayout, VizLegend, useTheme2 } from '@grafana/ui';
import { type Props } from '../visualizations';

const [LEFT, BOTTOM] = [32, 20];

/** How often which value: buckets by Grafana's own rule. */
export function Histogram({ frames, width, height }: Props) {
  const theme = useTheme2();
  const histogram = buildHistogram(frames);
  const measured = frames[0].fields.find(({ type }) => type === FieldType.number);
  if (!histogram || !measured) {
    return null;
  }
  const { xMin, xMax, counts } = histogram;
  const color = (at: number) => theme.visualization.getColorByName(theme.visualization.palette[at]);
  const items = counts.map((field, at) => ({
    // Its buckets have lost the name of the series.
    label: getFieldDisplayName(frames[at]?.fields[1] ?? field, frames[at], frames),
    color: color(at),
    yAxis: 1,
  }));
  const text = (value: number) => (measured.display ? formattedValueToString(measured.display(value)) : String(value));
  return (
    <VizLayout
      width={width}
      height={height}
      legend={
        <VizLayout.Legend placement="bottom">
          <VizLegend items={items} placement="bottom" displayMode={LegendDisplayMode.List} />
        </VizLayout.Legend>
      }
    >
      {(width, height) => {
        const most = Math.max(...counts.flatMap((field) => field.values as number[]));
        const [across, up] = [width - LEFT - 8, height - BOTTOM - 8];
        const [least, greatest] = [xMin.values[0], xMax.values.at(-1)];
        const x = (value: number) => LEFT + ((value - least) / (greatest - least)) * across;
        // Only full buckets are here, so their beginnings may be far apart: a word wherever there is room.
        let free = -Infinity;
        const words = (xMin.values as number[]).filter((value) => {
          const fits = x(value) >= free;
          free = fits ? x(value) + 80 : free;
          return fits;
        });
        return (
          <svg width={width} height={height} style={{ display: 'block' }} fontSize={12} fill={theme.colors.text.primary}>
            {[0, 0.5, 1].map((share) => (
              <text key={share} x={LEFT - 8} y={8 + up * (1 - share)} textAnchor="end" dominantBaseline="central">
                {Math.round(most * share)}
              </text>
            ))}
            {counts.map((field, series) =>
              field.values.map((count: number, at: number) => {
                const [begin, end] = [x(xMin.values[at]), x(xMax.values[at])];
                const tall = (count / most) * up;
                return (
                  <rect key={`${series} ${at}`} x={begin + 1} width={Math.max(1, end - begin - 2)} y={8 + up - tall} height={tall} fill={color(series)} fillOpacity={0.7} />
                );
              }),
            )}
            {words.map((value) => (
              <text key={value} x={x(value)} y={height - 5} textAnchor="middle">
                {text(value)}
              </text>
            ))}
          </svg>
        );
      }}
    </VizLayout>
  );
}
