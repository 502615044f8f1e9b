// A dashboard: 24 columns of cells, 30 pixels high, 8 apart, as Grafana lays them out; on a narrow screen one panel below
// the other, as high as it is otherwise.

import { type DataFrame, type TimeRange, dateTime, rangeUtil } from '@grafana/data';
import { Icon, PanelChrome, useTheme2 } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { type Board, type Panel } from './board';
import { dress } from './fields';
import { type Prometheus } from './query';
import { type Mark, Visualization } from './visualizations';

/** Below this many pixels Grafana stacks the panels. */
const NARROW = 768;
const MARGIN = 8;
const GAP = 8;
const CELL = 30;

interface Drawn {
  panel: Panel;
  frames: DataFrame[];
  range: TimeRange;
}

const cells = (n: number, size: number) => n * size + (n - 1) * GAP;

type Box = (place: Panel['gridPos']) => { left: number; top: number; width: number; height: number };

function boxes(board: Board, width: number): Box {
  if (width < NARROW) {
    const tops = new Map<Panel['gridPos'], number>();
    let top = 0;
    for (const { gridPos } of board.panels) {
      tops.set(gridPos, top);
      top += gridPos.h * (CELL + GAP);
    }
    return (place) => ({ left: 0, top: tops.get(place) ?? 0, width, height: cells(place.h, CELL) });
  }
  const column = (width - 23 * GAP) / 24;
  return ({ x, y, w, h }) => ({
    left: x * (column + GAP),
    top: y * (CELL + GAP),
    width: cells(w, column),
    height: cells(h, CELL),
  });
}

const ago = (from: string, to: string): TimeRange => rangeUtil.convertRawToRange({ from, to });

export function Page({ board, prometheus, width: outside }: { board: Board; prometheus: Prometheus; width: number }) {
  const theme = useTheme2();
  const width = outside - 2 * MARGIN - 8;
  const box = boxes(board, width);
  const [drawn, setDrawn] = useState<Drawn[]>();
  const [marks, setMarks] = useState<Mark[]>([]);

  useEffect(() => {
    const range = ago(board.time.from, board.time.to);
    const draw = async (panel: Panel): Promise<Drawn> => {
      const shown = panel.timeFrom ? ago(`now-${panel.timeFrom}`, 'now') : range;
      const frames = await prometheus.frames(panel, shown, box(panel.gridPos).width);
      return { panel, range: shown, frames: await dress(panel, frames, theme) };
    };
    const annotations = board.annotations.list
      .filter(({ enable }) => enable)
      .map(async (annotation) => {
        const regions = await prometheus.regions(annotation, range);
        const color = theme.visualization.getColorByName(annotation.iconColor);
        return regions.map(([from, to]) => ({ from, to, color }));
      });
    const panels = board.panels.filter(({ type }) => type !== 'row');
    Promise.all([Promise.all(panels.map(draw)), Promise.all(annotations)])
      .then(([drawn, marks]) => {
        setMarks(marks.flat());
        setDrawn(drawn);
      })
      .catch((error) => (document.documentElement.dataset.failed = String(error)));
  }, [board, prometheus, theme, width]);

  useEffect(() => {
    if (drawn) {
      const empty = drawn.filter(({ frames }) => frames.every(({ length }) => length === 0));
      document.documentElement.dataset.empty = empty.map(({ panel }) => panel.title).join(', ');
      // Charts measure their axes and draw once more; tables measure their columns first.
      const tables = drawn.filter(({ panel, frames }) => panel.type === 'table' && frames.some(({ length }) => length > 0));
      const stands = () =>
        [...document.querySelectorAll('[role=grid]')].filter((table) => table.querySelector('[role=gridcell]'))
          .length >= tables.length;
      const wait = () => {
        if (stands()) {
          document.documentElement.dataset.drawn = 'yes';
        } else {
          requestAnimationFrame(wait);
        }
      };
      requestIdleCallback(() => requestAnimationFrame(wait));
    }
  }, [drawn]);

  const height = Math.max(...board.panels.map(({ gridPos }) => box(gridPos).top + box(gridPos).height + GAP));
  return (
    <main style={{ width, padding: 0, margin: MARGIN }}>
      <header style={{ display: 'flex', flexWrap: 'wrap', gap: 16, alignItems: 'baseline', padding: '4px 0 12px' }}>
        <h4 style={{ margin: 0 }}>{board.title}</h4>
        {board.templating.list.filter(({ hide }) => hide !== 2).map(({ name, label, type }) => (
          <span key={name} style={{ color: theme.colors.text.secondary }}>
            {label}: {type === 'datasource' ? 'Prometheus' : 'All'}
          </span>
        ))}
        <span style={{ marginLeft: 'auto', color: theme.colors.text.secondary }}>
          {rangeUtil.describeTimeRange({ from: dateTimeOr(board.time.from), to: dateTimeOr(board.time.to) })}
        </span>
      </header>
      <div style={{ position: 'relative', height }}>
        {board.panels
          .filter(({ type }) => type === 'row')
          .map((row) => (
            <div key={row.id} style={{ position: 'absolute', ...box(row.gridPos), fontWeight: 500, paddingTop: 6 }}>
              <Icon name={row.collapsed ? 'angle-right' : 'angle-down'} /> {row.title}{' '}
              {row.collapsed && (
                <span style={{ color: theme.colors.text.secondary }}>({row.panels?.length} panel{row.panels?.length === 1 ? '' : 's'})</span>
              )}
            </div>
          ))}
        {drawn?.map(({ panel, frames, range }) => {
          const { width, height, ...place } = box(panel.gridPos);
          const title = panel.timeFrom ? `${panel.title}   (last ${panel.timeFrom})` : panel.title;
          return (
            <div key={panel.id} style={{ position: 'absolute', ...place }}>
              <PanelChrome title={title} description={panel.description} width={width} height={height}>
                {(width, height) => (
                  <Visualization {...{ panel, frames, range, width, height }} marks={marks} />
                )}
              </PanelChrome>
            </div>
          );
        })}
      </div>
    </main>
  );
}

/** Relative ends of a range stay words. */
function dateTimeOr(text: string) {
  return text.startsWith('now') ? text : dateTime(text);
}
