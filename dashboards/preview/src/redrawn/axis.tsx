import { type TimeRange, dateTimeFormat } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** How far apart the marks may be, and how they are written then. */
const STEPS: [number, string][] = [
  [MINUTE, 'HH:mm'],
  [5 * MINUTE, 'HH:mm'],
  [15 * MINUTE, 'HH:mm'],
  [HOUR, 'HH:mm'],
  [6 * HOUR, 'MM/DD HH:mm'],
  [DAY, 'MM/DD'],
  [2 * DAY, 'MM/DD'],
  [7 * DAY, 'MM/DD'],
  [30 * DAY, 'YYYY-MM'],
  [91 * DAY, 'YYYY-MM'],
  [182 * DAY, 'YYYY-MM'],
];

/** The words below a chart over time that this folder draws. */
export function TimeAxis({ range, left, width, y }: { range: TimeRange; left: number; width: number; y: number }) {
  const theme = useTheme2();
  const [from, to] = [range.from.valueOf(), range.to.valueOf()];
  const [step, format] = STEPS.find(([step]) => ((to - from) / step) * 80 < width) ?? [365 * DAY, 'YYYY'];
  const first = Math.ceil(from / step) * step;
  const ticks = Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, n) => first + n * step);
  return (
    <g fill={theme.colors.text.primary} fontSize={12} textAnchor="middle">
      {ticks.map((tick) => (
        <text key={tick} x={left + ((tick - from) / (to - from)) * width} y={y}>
          {dateTimeFormat(tick, { format })}
        </text>
      ))}
    </g>
  );
}
