// One dashboard, drawn once: `?board=myhealth-sleep&theme=dark&from=now-30d`. When everything
// is drawn, the document says so, and the picture is taken.

import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';
import '@fontsource/roboto-mono/400.css';
import { ThemeContext, createTheme } from '@grafana/data';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { read } from './board';
import { Page } from './page';
import { Prometheus } from './query';

const parameters = new URLSearchParams(location.search);
const theme = createTheme({ colors: { mode: parameters.get('theme') === 'light' ? 'light' : 'dark' } });
const prometheus = new Prometheus(parameters.get('scrape') ?? '15s');

const board = await read(parameters.get('board') ?? 'myhealth-overview');
board.time.from = parameters.get('from') ?? board.time.from;
await prometheus.compute(board);
document.title = board.title;

createRoot(document.getElementById('root')!).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <PortalContainer />
    <Page board={board} prometheus={prometheus} width={innerWidth} />
  </ThemeContext.Provider>,
);
