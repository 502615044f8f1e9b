import { type FieldDisplay, formattedValueToString } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';

/** How far the arc reaches to each side of the top. */
const TURN = (2 / 3) * Math.PI;

/** A gauge: an arc filled up to the value, the thresholds outside of it. */
export function Dial({ value, width, height, count }: { value: FieldDisplay; width: number; height: number; count: number }) {
  const theme = useTheme2();
  const { display, field } = value;
  const text = formattedValueToString(display);
  const title = count > 1 ? display.title : undefined;
  const space = height - (title ? 18 : 0);
  const radius = Math.max(10, Math.min(width / 2, space / 1.65) - 6);
  const [least, most] = [field.min ?? 0, field.max ?? 100];
  const share = Number.isFinite(display.numeric)
    ? Math.min(1, Math.max(0, (display.numeric - least) / (most - least)))
    : 0;
  const arc = (from: number, to: number, r: number) => {
    const point = (share: number) => {
      const angle = TURN * (2 * share - 1) - Math.PI / 2;
      return `${(r * Math.cos(angle)).toFixed(2)} ${(r * Math.sin(angle)).toFixed(2)}`;
    };
    const large = (to - from) * 2 * TURN > Math.PI ? 1 : 0;
    return `M ${point(from)} A ${r} ${r} 0 ${large} 1 ${point(to)}`;
  };
  const thick = radius * 0.24;
  const inside = radius - 6 - thick / 2;
  const steps = field.thresholds?.steps ?? [];
  const share_of = (at: number) => Math.min(1, Math.max(0, (at - least) / (most - least)));
  return (
    <svg width={width} height={height} style={{ display: 'block' }}>
      <g transform={`translate(${width / 2} ${radius + 3})`} fill="none">
        <path d={arc(0, 1, inside)} stroke={theme.colors.background.secondary} strokeWidth={thick} />
        {share > 0 && <path d={arc(0, share, inside)} stroke={display.color} strokeWidth={thick} />}
        {steps.map(({ value, color }, at) => {
          const [from, to] = [share_of(Math.max(value, least)), share_of(steps[at + 1]?.value ?? most)];
          const stroke = theme.visualization.getColorByName(color);
          return to > from && <path key={at} d={arc(from, to, radius - 2)} stroke={stroke} strokeWidth={4} />;
        })}
        <text fill={display.color} textAnchor="middle" dominantBaseline="central" fontSize={Math.min(radius * 0.5, (radius * 2.2) / text.length)} fontWeight={500}>
          {text}
        </text>
      </g>
      {title && (
        <text x={width / 2} y={height - 4} textAnchor="middle" fontSize={14} fill={theme.colors.text.primary}>
          {title}
        </text>
      )}
    </svg>
  );
}
