// A panel's inside. Which of them are Grafana's components and which are redrawn here, the README says.

import {
  type DataFrame,
  type FieldDisplay,
  type TimeRange,
  VizOrientation,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
} from '@grafana/data';
import { BarGaugeValueMode, TableCellHeight } from '@grafana/schema';
import { BarGauge, BigValue, TimeSeries, type UPlotConfigBuilder, VizRepeater, useTheme2 } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { type ReactElement, useLayoutEffect } from 'react';
import { type Panel } from './board';
import { BarChart } from './redrawn/bars';
import { Dial } from './redrawn/dial';
import { Histogram } from './redrawn/histogram';
import { Pie } from './redrawn/pie';
import { States } from './redrawn/states';

/** An annotation's time, drawn on every chart over time. */
export interface Mark {
  from: number;
  to: number;
  color: string;
}

export interface Props {
  panel: Panel;
  frames: DataFrame[];
  range: TimeRange;
  marks: Mark[];
  width: number;
  height: number;
}

export function Visualization(props: Props): ReactElement {
  const { panel, frames } = props;
  if (panel.type === 'timeseries') {
    return frames.length > 0 ? <Chart {...props} /> : <Nothing {...props} />;
  }
  if (panel.type === 'table') {
    return frames.some(({ length }) => length > 0) ? <Rows {...props} /> : <Nothing {...props} />;
  }
  if (panel.type === 'barchart') {
    return frames.some(({ length }) => length > 0) ? <BarChart {...props} /> : <Nothing {...props} />;
  }
  if (panel.type === 'state-timeline' || panel.type === 'status-history') {
    return frames.length > 0 ? <States {...props} /> : <Nothing {...props} />;
  }
  if (panel.type === 'histogram') {
    return frames.length > 0 ? <Histogram {...props} /> : <Nothing {...props} />;
  }
  return <Values {...props} />;
}

function Nothing({ panel, width, height }: Props) {
  const text = panel.fieldConfig.defaults.noValue ?? 'No data';
  return <div style={{ width, height, display: 'grid', placeItems: 'center' }}>{text}</div>;
}

function Chart({ panel, frames, range, marks, width, height }: Props) {
  return (
    <TimeSeries
      frames={frames}
      timeRange={range}
      timeZone="browser"
      width={width}
      height={height}
      legend={panel.options.legend}
    >
      {(config) => <Marks config={config} marks={marks} />}
    </TimeSeries>
  );
}

/** Grafana draws annotations in its app: a dashed line at each end, a band between. */
function Marks({ config, marks }: { config: UPlotConfigBuilder; marks: Mark[] }) {
  useLayoutEffect(() => {
    config.addHook('draw', (plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      for (const { from, to, color } of marks) {
        const [x0, x1] = [plot.valToPos(from, 'x', true), plot.valToPos(to, 'x', true)];
        if (x1 < bbox.left || x0 > bbox.left + bbox.width) {
          continue;
        }
        ctx.strokeStyle = ctx.fillStyle = color;
        ctx.globalAlpha = 0.1;
        ctx.fillRect(x0, bbox.top, x1 - x0, bbox.height);
        ctx.globalAlpha = 1;
        ctx.setLineDash([5, 5]);
        ctx.beginPath();
        for (const x of new Set([x0, x1])) {
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
        }
        ctx.stroke();
      }
      ctx.restore();
    });
  }, [config, marks]);
  return null;
}

function Rows({ frames, width, height }: Props) {
  return (
    <div style={{ width, height }}>
      <TableNG data={frames[0]} width={width} height={height} cellHeight={TableCellHeight.Sm} enableVirtualization={false} />
    </div>
  );
}

/** One number for each series. */
function Values({ panel, frames, width, height }: Props) {
  const theme = useTheme2();
  const values = () =>
    getFieldDisplayValues({
      data: frames,
      fieldConfig: panel.fieldConfig,
      reduceOptions: panel.options.reduceOptions,
      replaceVariables: (text) => text,
      theme,
    });
  if (panel.type === 'piechart') {
    return <Pie values={values()} panel={panel} width={width} height={height} />;
  }
  const { options } = panel;
  const draw = (value: FieldDisplay, width: number, height: number, count: number, factors: object) => {
    const { display } = value;
    switch (panel.type) {
      case 'stat':
        return (
          <BigValue
            {...{ width, height, count, theme }}
            value={display}
            alignmentFactors={factors as never}
            colorMode={options.colorMode}
            graphMode={options.graphMode}
            justifyMode={options.justifyMode}
            textMode={options.textMode}
          />
        );
      case 'bargauge':
        return (
          <BarGauge
            {...{ width, height, theme }}
            value={display}
            field={value.field}
            display={value.view?.getFieldDisplayProcessor(value.colIndex ?? 1)}
            alignmentFactors={factors as never}
            orientation={options.orientation}
            displayMode={options.displayMode}
            showUnfilled={options.showUnfilled}
            valueDisplayMode={BarGaugeValueMode.Color}
            itemSpacing={8}
            text={options.text}
          />
        );
      case 'gauge':
        return <Dial {...{ width, height, value, count }} />;
      default:
        throw new Error(`nothing here draws ${panel.type}`);
    }
  };
  return (
    <VizRepeater
      source={frames}
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, width, height, count, alignmentFactors }) =>
        draw(value, width, height, count, alignmentFactors)
      }
      renderCounter={0}
      orientation={options.orientation ?? VizOrientation.Auto}
      autoGrid
      width={width}
      height={height}
      itemSpacing={panel.type === 'stat' ? 3 : 8}
      minVizHeight={panel.type === 'bargauge' ? 10 : undefined}
    />
  );
}
