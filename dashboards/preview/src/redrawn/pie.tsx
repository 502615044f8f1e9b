import { type FieldDisplay } from '@grafana/data';
import { LegendDisplayMode } from '@grafana/schema';
import { VizLayout, VizLegend, useTheme2 } from '@grafana/ui';
import { type Panel } from '../board';

/** A ring of shares. */
export function Pie({ values, panel, width, height }: { values: FieldDisplay[]; panel: Panel; width: number; height: number }) {
  const theme = useTheme2();
  const shown = values.filter(({ display }) => display.numeric > 0);
  const sum = shown.reduce((sum, { display }) => sum + display.numeric, 0);
  const items = shown.map(({ display }) => ({ label: display.title ?? '', color: display.color, yAxis: 1 }));
  const legend = <VizLegend items={items} placement={panel.options.legend.placement} displayMode={LegendDisplayMode.List} />;
  return (
    <VizLayout width={width} height={height} legend={<VizLayout.Legend placement="bottom">{legend}</VizLayout.Legend>}>
      {(width, height) => {
        const radius = Math.min(width, height) / 2 - 4;
        const point = (share: number, r: number) =>
          `${r * Math.sin(2 * Math.PI * share)} ${-r * Math.cos(2 * Math.PI * share)}`;
        let from = 0;
        return (
          <svg width={width} height={height}>
            <g transform={`translate(${width / 2} ${height / 2})`}>
              {shown.map(({ display }, at) => {
                const share = display.numeric / sum;
                const [start, end] = [from, from + Math.min(share, 0.9999)];
                const large = share > 0.5 ? 1 : 0;
                const inner = radius * 0.6;
                from += share;
                const path =
                  `M ${point(start, radius)} A ${radius} ${radius} 0 ${large} 1 ${point(end, radius)} ` +
                  `L ${point(end, inner)} A ${inner} ${inner} 0 ${large} 0 ${point(start, inner)} Z`;
                const [x, y] = point((start + end) / 2, radius * 0.8).split(' ');
                return (
                  <g key={at}>
                    <path d={path} fill={display.color} stroke={theme.colors.background.primary} />
                    {share > 0.04 && (
                      <text x={x} y={y} fontSize={13} textAnchor="middle" dominantBaseline="central" fill="#fff">
                        {Math.round(share * 100)}%
                      </text>
                    )}
                  </g>
                );
              })}
            </g>
          </svg>
        );
      }}
    </VizLayout>
  );
}
