// Draws one dashboard: `index.html?board=myhealth-sleep&theme=dark&duration=30d`. Panels that fail show it in Perses'
// own words, which draw.mjs looks for.

import { CssBaseline, ThemeProvider } from '@mui/material';
import { ChartsProvider, SnackbarProvider, generateChartsTheme, getTheme } from '@perses-dev/components';
import { type DashboardResource, type DurationString, type GlobalDatasourceResource } from '@perses-dev/core';
import {
  Dashboard,
  DashboardProvider,
  DashboardStickyToolbar,
  type DatasourceApi,
  DatasourceStoreProvider,
  VariableProvider,
} from '@perses-dev/dashboards';
import {
  PluginRegistry,
  TimeRangeProvider,
  dynamicImportPluginLoader,
  usePluginBuiltinVariableDefinitions,
} from '@perses-dev/plugin-system';
import * as bar from '@perses-dev/bar-chart-plugin';
import * as gauge from '@perses-dev/gauge-chart-plugin';
import * as pie from '@perses-dev/pie-chart-plugin';
import * as prometheus from '@perses-dev/prometheus-plugin';
import * as stat from '@perses-dev/stat-chart-plugin';
import * as history from '@perses-dev/status-history-chart-plugin';
import * as table from '@perses-dev/table-plugin';
import * as series from '@perses-dev/timeseries-chart-plugin';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';

const parameters = new URLSearchParams(location.search);
const uid = parameters.get('board') ?? 'myhealth-today';
const response = await fetch(`boards/${uid}.json`);
if (!response.ok) {
  throw new Error(`no dashboard ${uid}: ${response.status}`);
}
const dashboard: DashboardResource = await response.json();
const duration = (parameters.get('duration') as DurationString | null) ?? dashboard.spec.duration;

// As an administrator of Perses would set it up.
const source: GlobalDatasourceResource = {
  kind: 'GlobalDatasource',
  metadata: { name: 'prometheus' },
  spec: {
    default: true,
    plugin: {
      kind: 'PrometheusDatasource',
      spec: { directUrl: new URL('.', location.href).href.replace(/\/$/, ''), scrapeInterval: parameters.get('scrape') ?? '15s' },
    },
  },
};
const datasources: DatasourceApi = {
  getDatasource: async () => undefined,
  getGlobalDatasource: async () => source,
  listDatasources: async () => [],
  listGlobalDatasources: async () => [source],
};

const loader = dynamicImportPluginLoader(
  [bar, gauge, pie, prometheus, stat, history, table, series].map((plugin) => ({
    resource: plugin.getPluginModule() as never,
    importPlugin: async () => plugin,
  })),
);

const theme = getTheme(parameters.get('theme') === 'light' ? 'light' : 'dark');
const charts = generateChartsTheme(theme, {});
const queries = new QueryClient({ defaultOptions: { queries: { refetchOnWindowFocus: false, retry: false } } });

function Page() {
  const { data: builtins } = usePluginBuiltinVariableDefinitions();
  if (!builtins) {
    return null;
  }
  return (
    <TimeRangeProvider timeRange={{ pastDuration: duration }} refreshInterval="0s">
      <VariableProvider initialVariableDefinitions={dashboard.spec.variables} builtinVariableDefinitions={builtins}>
        <DatasourceStoreProvider dashboardResource={dashboard} datasourceApi={datasources}>
          <DashboardProvider initialState={{ dashboardResource: dashboard, isEditMode: false }}>
            <DashboardStickyToolbar initialVariableIsSticky={false} />
            <Dashboard />
          </DashboardProvider>
        </DatasourceStoreProvider>
      </VariableProvider>
    </TimeRangeProvider>
  );
}

createRoot(document.getElementById('root')!).render(
  <ThemeProvider theme={theme}>
    <CssBaseline />
    <ChartsProvider chartsTheme={charts}>
      <SnackbarProvider>
        <QueryClientProvider client={queries}>
          <PluginRegistry
            pluginLoader={loader}
            defaultPluginKinds={{ Panel: 'TimeSeriesChart', TimeSeriesQuery: 'PrometheusTimeSeriesQuery' }}
          >
            <Page />
          </PluginRegistry>
        </QueryClientProvider>
      </SnackbarProvider>
    </ChartsProvider>
  </ThemeProvider>,
);
