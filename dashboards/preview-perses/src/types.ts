// What a file for Perses may hold: its own types, and those of the plugins that the dashboards use, for which Perses
// itself has `unknown`.

import { type BarChartDefinition } from '@perses-dev/bar-chart-plugin';
import {
  type DashboardResource,
  type DashboardSpec,
  type Definition,
  type Link,
  type ListVariableSpec,
  type PanelDisplay,
} from '@perses-dev/core';
import { type GaugeChartDefinition } from '@perses-dev/gauge-chart-plugin';
import { type PieChartOptions } from '@perses-dev/pie-chart-plugin';
import {
  type PrometheusLabelValuesVariableOptions,
  type PrometheusPromQLVariableOptions,
  type PrometheusTimeSeriesQuerySpec,
} from '@perses-dev/prometheus-plugin';
import { type StatChartDefinition } from '@perses-dev/stat-chart-plugin';
import { type StatusHistoryChartOptions } from '@perses-dev/status-history-chart-plugin';
import { type TableDefinition } from '@perses-dev/table-plugin';
import { type TimeSeriesChartDefinition } from '@perses-dev/timeseries-chart-plugin';

type Of<Kind extends string, Spec> = Definition<Spec> & { kind: Kind };

type Plugin =
  | BarChartDefinition
  | GaugeChartDefinition
  | Of<'PieChart', PieChartOptions>
  | StatChartDefinition
  | Of<'StatusHistoryChart', StatusHistoryChartOptions>
  | TableDefinition
  | TimeSeriesChartDefinition;

interface Query {
  kind: 'TimeSeriesQuery';
  spec: { plugin: Of<'PrometheusTimeSeriesQuery', PrometheusTimeSeriesQuerySpec> };
}

interface Panel {
  kind: 'Panel';
  spec: { display: PanelDisplay; plugin: Plugin; queries: Query[]; links?: Link[] };
}

interface Variable {
  kind: 'ListVariable';
  spec: Omit<ListVariableSpec, 'plugin'> & {
    plugin:
      | Of<'PrometheusLabelValuesVariable', PrometheusLabelValuesVariableOptions>
      | Of<'PrometheusPromQLVariable', PrometheusPromQLVariableOptions>;
  };
}

export interface File extends Omit<DashboardResource, 'spec'> {
  spec: Omit<DashboardSpec, 'panels' | 'variables'> & { panels: Record<string, Panel>; variables: Variable[] };
}
