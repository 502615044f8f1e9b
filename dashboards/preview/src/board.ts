// The dashboards' files, as far as they are drawn here.

import { type FieldConfigSource, type DataTransformerConfig } from '@grafana/data';

export interface Target {
  expr: string;
  format: 'table' | 'time_series';
  instant: boolean;
  legendFormat: string;
  refId: string;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: Target[];
  fieldConfig: FieldConfigSource;
  /** Each kind of panel has its own; Grafana types them in its app only. */
  options: any;
  transformations: DataTransformerConfig[];
  interval?: string;
  timeFrom?: string;
  collapsed?: boolean;
  panels?: Panel[];
}

export interface Annotation {
  name: string;
  enable: boolean;
  iconColor: string;
  target: { expr: string; interval: string };
}

export interface Variable {
  name: string;
  label: string;
  type: string;
  /** 2: not shown. */
  hide: number;
  query: string | { query: string };
  regex?: string;
}

export interface Board {
  uid: string;
  title: string;
  time: { from: string; to: string };
  annotations: { list: Annotation[] };
  templating: { list: Variable[] };
  panels: Panel[];
}

export async function read(uid: string): Promise<Board> {
  const answer = await fetch(`boards/${uid}.json`);
  if (!answer.ok) {
    throw new Error(`no dashboard ${uid}: ${answer.status}`);
  }
  return answer.json();
}
