import { FieldType, formattedValueToString } from '@grafana/data';
import { measureText, useTheme2 } from '@grafana/ui';
import { type Props } from '../visualizations';

const [ROOM, AXIS] = [64, 20];

/** Horizontal bars from zero to both sides, each in the colours of the thresholds that it passes. */
export function BarChart({ panel, frames, width, height }: Props) {
  const theme = useTheme2();
  const [frame] = frames;
  const names = frame.fields.find(({ name }) => name === panel.options.xField);
  const field = frame.fields.find(({ type }) => type === FieldType.number);
  if (!names || !field) {
    throw new Error(`${panel.title}: no field ${panel.options.xField}, or no number`);
  }
  const values: number[] = field.values;
  const custom = field.config.custom ?? {};
  const most = Math.ceil(Math.max(custom.axisSoftMax ?? 0, ...values.map(Math.abs))) || 1;
  const left = Math.min(width / 3, Math.max(...names.values.map((name: string) => measureText(name, 12).width)) + 12);
  const across = width - left - ROOM;
  const x = (value: number) => left + ((value + most) / (2 * most)) * across;
  const row = (height - AXIS) / values.length;
  const thick = row * custom.barWidth || row * 0.6;
  const steps = field.config.thresholds?.steps ?? [];
  const pieces = (value: number) =>
    steps.flatMap(({ value: from, color }, at) => {
      const [least, greatest] = [Math.max(from, Math.min(0, value)), Math.min(steps[at + 1]?.value ?? Infinity, Math.max(0, value))];
      return greatest > least ? [{ least, greatest, color: theme.visualization.getColorByName(color) }] : [];
    });
  const text = (value: number) => (field.display ? formattedValueToString(field.display(value)) : String(value));
  return (
    <svg width={width} height={height} style={{ display: 'block' }} fontSize={12} fill={theme.colors.text.primary}>
      {[-most, 0, most].map((mark) => (
        <g key={mark}>
          <line x1={x(mark)} x2={x(mark)} y1={0} y2={height - AXIS} stroke={theme.colors.border.medium} />
          <text x={x(mark)} y={height - 5} textAnchor="middle">
            {text(mark)}
          </text>
        </g>
      ))}
      {values.map((value, at) => {
        const y = at * row + (row - thick) / 2;
        return (
          <g key={at}>
            <text x={left - 8} y={at * row + row / 2} textAnchor="end" dominantBaseline="central">
              {names.values[at]}
            </text>
            {pieces(value).map(({ least, greatest, color }) => (
              <rect key={least} x={x(least)} y={y} width={x(greatest) - x(least)} height={thick} fill={color} fillOpacity={0.8} />
            ))}
            <text x={x(Math.max(value, 0)) + 6} y={at * row + row / 2} dominantBaseline="central">
              {text(value)}
            </text>
          </g>
        );
      })}
    </svg>
  );
}
