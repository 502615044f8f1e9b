// Questions to Prometheus and its answers as data frames, as Grafana's Prometheus data source makes them.

import { type DataFrame, type Field, FieldType, type TimeRange, createDataFrame, rangeUtil } from '@grafana/data';
import { type Annotation, type Board, type Panel, type Target } from './board';

interface Series {
  metric: Record<string, string>;
  values?: [number, string][];
  value?: [number, string];
}

export class Prometheus {
  /** Values of the variables that Prometheus computes, such as what legends say about persons. */
  private readonly computed = new Map<string, string>();

  /** `scrape`: how often it scrapes. */
  constructor(private readonly scrape: string) {}

  /** Asks for the variables that are the result of a query. */
  async compute({ templating, time }: Board): Promise<void> {
    const range = rangeUtil.convertRawToRange(time);
    for (const { name, query, regex } of templating.list) {
      const expr = typeof query === 'object' ? /^query_result\((.+)\)$/.exec(query.query)?.[1] : undefined;
      if (!expr) {
        continue;
      }
      const series = await this.ask({ expr, instant: true } as Target, range, 1000);
      // Grafana matches the line that Prometheus's own page shows of a result.
      const lines = series.map(
        ({ metric, value }) =>
          `{${Object.entries(metric).map(([label, text]) => `${label}="${text}"`).join(',')}} ${value?.[1]} ${value?.[0]}`,
      );
      const pattern = new RegExp((regex ?? '').replace(/^\/|\/$/g, ''));
      this.computed.set(name, lines.map((line) => pattern.exec(line)?.[1]).find((text) => text !== undefined) ?? '');
    }
  }

  private legend(text: string): string {
    return text.replaceAll(/\$(\w+)/g, (whole, name: string) => this.computed.get(name) ?? whole);
  }

  /** The frames of a panel that is so many pixels wide. */
  async frames(panel: Panel, range: TimeRange, width: number): Promise<DataFrame[]> {
    const { intervalMs } = rangeUtil.calculateInterval(range, Math.max(width, 100), panel.interval ?? this.scrape);
    const answers = panel.targets.map(async (target) => {
      const series = await this.ask(target, range, intervalMs);
      return target.format === 'table'
        ? [table(target, series, panel.targets.length > 1)]
        : series.map((one) => frame({ ...target, legendFormat: this.legend(target.legendFormat) }, one, intervalMs));
    });
    return (await Promise.all(answers)).flat();
  }

  /** The times at which an annotation stands, those that touch joined: from, to. */
  async regions({ target }: Annotation, range: TimeRange): Promise<[number, number][]> {
    const step = rangeUtil.intervalToMs(target.interval);
    const asked = { expr: target.expr, format: 'time_series', instant: false, legendFormat: '', refId: 'A' } as const;
    const series = await this.ask(asked, range, step);
    return series.flatMap(({ values = [] }) => {
      const regions: [number, number][] = [];
      for (const [at] of values) {
        const last = regions.at(-1);
        if (last && at * 1000 - last[1] <= step) {
          last[1] = at * 1000;
        } else {
          regions.push([at * 1000, at * 1000]);
        }
      }
      return regions;
    });
  }

  private async ask({ expr, instant }: Target, range: TimeRange, step: number): Promise<Series[]> {
    const [from, to] = [range.from.valueOf(), range.to.valueOf()];
    // Prometheus answers with 11,000 points at most.
    const intervalMs = Math.max(step, Math.ceil((to - from) / 11_000_000) * 1000);
    const seconds = (ms: number) => `${Math.round(ms / 1000)}s`;
    const scrape = rangeUtil.intervalToMs(this.scrape);
    const query = expr
      .replaceAll('$__rate_interval', seconds(Math.max(intervalMs + scrape, 4 * scrape)))
      .replaceAll('$__range', seconds(to - from))
      .replaceAll('$__interval', seconds(intervalMs))
      // The value of the variables when "All" is chosen.
      .replaceAll(/\$(person|job|instance|namespace)/g, '.+');
    const aligned = (ms: number) => String((Math.floor(ms / intervalMs) * intervalMs) / 1000);
    const form = new URLSearchParams({ query });
    if (instant) {
      form.set('time', String(to / 1000));
    } else {
      form.set('start', aligned(from));
      form.set('end', aligned(to));
      form.set('step', String(intervalMs / 1000));
    }
    const response = await fetch(`api/v1/query${instant ? '' : '_range'}`, { method: 'POST', body: form });
    const answer = await response.json();
    if (answer.status !== 'success') {
      throw new Error(`${answer.error}: ${query}`);
    }
    return answer.data.result;
  }
}

/** What is no number is a gap. */
const number = (text: string) =>
  text === 'NaN' ? null : text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);

function frame(target: Target, { metric, values, value }: Series, intervalMs: number): DataFrame {
  const points = values ?? (value ? [value] : []);
  const { __name__: name, ...labels } = metric;
  const legend = target.legendFormat.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, label: string) => metric[label] ?? '');
  return createDataFrame({
    refId: target.refId,
    name: legend,
    fields: [
      {
        name: 'Time',
        type: FieldType.time,
        // Where a point is missing for longer than this, the line breaks.
        config: target.instant ? {} : { interval: intervalMs },
        values: points.map(([at]) => at * 1000),
      },
      {
        name: name ?? 'Value',
        type: FieldType.number,
        labels,
        config: { displayNameFromDS: legend },
        values: points.map(([, text]) => number(text)),
      },
    ],
  });
}

function table(target: Target, series: Series[], several: boolean): DataFrame {
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const rows = series.flatMap(({ metric, values, value }) =>
    (values ?? (value ? [value] : [])).map(([at, text]) => ({ metric, at, text })),
  );
  const fields: Partial<Field>[] = [
    { name: 'Time', type: FieldType.time, values: rows.map(({ at }) => at * 1000) },
    ...labels.map((label) => ({
      name: label,
      type: FieldType.string,
      values: rows.map(({ metric }) => metric[label] ?? ''),
    })),
    {
      name: several ? `Value #${target.refId}` : 'Value',
      type: FieldType.number,
      values: rows.map(({ text }) => number(text)),
    },
  ];
  return createDataFrame({ refId: target.refId, fields: fields.map((field) => ({ config: {}, ...field }) as Field) });
}
