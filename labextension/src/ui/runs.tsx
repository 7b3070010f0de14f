/** The experiments that were kept: the Runs tab. Chosen ones are compared, drawn over one another, and exported. */

import React, { useMemo, useState } from 'react';
import { Notification } from '@jupyterlab/apputils';
import type { ServerConnection } from '@jupyterlab/services';
import type { ISay } from '../energy';
import { joules } from '../energy';
import { save } from '../export';
import { duration } from '../format';
import { request } from '../request';
import { matching, type IRunList } from '../runs';
import type { IRunLine } from '../schema';
import type { IBand } from '../tokens';
import '../../style/ledger.css';
import '../../style/runs.css';
import { Comparisons } from './comparison';
import { Section } from './frame';
import { useAnswer } from './hooks';

/** What the tab is made from. */
export interface IRunsProps {
  /** Another array whenever a cell was measured. */
  readonly cells: readonly IBand[];
  /** Whether it is seen and moves. */
  readonly active: boolean;
  readonly settings: ServerConnection.ISettings;
  /** Another name where colours are to be drawn anew. */
  readonly theme: string;
  readonly say: ISay;
}

/** Milliseconds between two looks at the list. */
const LOOK = 5000;

/** The tab; drawn again only when there is something new to see. */
export default React.memo(RunsTab);

function RunsTab(props: IRunsProps): JSX.Element {
  const { settings, say } = props;
  const { trans } = say;
  const { list, trouble } = useRuns(settings, props.active, props.cells);
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [text, setText] = useState('');
  const shown = useMemo(() => matching(list?.runs ?? [], text), [list, text]);
  const runs = chosen
    .map(id => list?.runs.find(run => run.id === id))
    .filter((run): run is IRunLine => run !== undefined);
  const onToggle = (id: string): void =>
    setChosen(chosen.includes(id) ? chosen.filter(one => one !== id) : [...chosen, id]);
  return (
    <div className="jp-GpuMon-runs">
      {trouble && <p className="jp-GpuMon-detail">{trouble}</p>}
      {!list && !trouble && <p className="jp-GpuMon-detail">{trans.__('Asking the server …')}</p>}
      {list && !list.runs.length && <Empty store={list.store} say={say} />}
      {list && list.runs.length > 0 && (
        <>
          <Tools
            {...props}
            runs={runs}
            text={text}
            onText={setText}
            onClear={() => setChosen([])}
          />
          <RunTable runs={shown} chosen={chosen} onToggle={onToggle} say={say} />
          {!shown.length && (
            <p className="jp-GpuMon-detail">{trans.__('No run has that in it.')}</p>
          )}
          {runs.length < 2 ? (
            <p className="jp-GpuMon-detail">{trans.__('Choose two or more to compare them.')}</p>
          ) : (
            <Comparisons runs={runs} settings={settings} theme={props.theme} say={say} />
          )}
        </>
      )}
    </div>
  );
}

/** How a first run is made. */
function Empty({ store, say }: { readonly store: string; readonly say: ISay }): JSX.Element {
  const { trans } = say;
  return (
    <div className="jp-GpuMon-detail">
      <p>{trans.__('No run is kept yet. In a notebook or a script:')}</p>
      <pre>{`import jupyter_gpumon as gm

with gm.run("baseline"):
    train()
    gm.log_metric("loss", 0.3)`}</pre>
      <p>{trans.__('It is kept in %1 and listed here.', store)}</p>
    </div>
  );
}

interface IToolsProps extends IRunsProps {
  /** The chosen ones. */
  readonly runs: readonly IRunLine[];
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly onClear: () => void;
}

/** A filter, and what can be done with the chosen ones. */
function Tools(props: IToolsProps): JSX.Element {
  const { runs, settings, say } = props;
  const { trans } = say;
  const onExport = (format: 'csv' | 'json'): void => {
    exportRuns(runs, format, settings).catch((error: Error) => Notification.error(error.message));
  };
  return (
    <div className="jp-GpuMon-choices">
      <input
        className="jp-GpuMon-filter"
        type="search"
        value={props.text}
        placeholder={trans.__('Name, tag, commit, GPU')}
        aria-label={trans.__('Filter runs')}
        onChange={event => props.onText(event.target.value)}
      />
      {runs.length > 0 && (
        <span role="group" aria-label={trans.__('Chosen runs')}>
          <button
            className="jp-GpuMon-text"
            title={trans.__('Save the four tables of the chosen runs')}
            onClick={() => onExport('csv')}
          >
            CSV
          </button>
          <button
            className="jp-GpuMon-text"
            title={trans.__('Save the chosen runs as JSON')}
            onClick={() => onExport('json')}
          >
            JSON
          </button>
          <button className="jp-GpuMon-text" onClick={props.onClear}>
            {trans.__('Choose none')}
          </button>
        </span>
      )}
    </div>
  );
}

async function exportRuns(
  runs: readonly IRunLine[],
  format: 'csv' | 'json',
  settings: ServerConnection.ISettings
): Promise<void> {
  const ids = runs.map(run => run.id).join();
  const answer = await request('runs/export', { ids, format }, settings);
  const name = runs.length === 1 ? runs[0].name.replace(/[^\w.-]+/g, '_') : 'runs';
  save(await answer.blob(), `${name}.${format === 'csv' ? 'zip' : 'json'}`);
}

interface IRunTableProps {
  readonly runs: readonly IRunLine[];
  readonly chosen: readonly string[];
  readonly onToggle: (id: string) => void;
  readonly say: ISay;
}

/** The list. */
function RunTable({ runs, chosen, onToggle, say }: IRunTableProps): JSX.Element {
  return (
    <Section title={say.trans.__('Runs')} name="runs">
      <ul className="jp-GpuMon-runList">
        {runs.map(run => (
          <li key={run.id}>
            <label>
              <input
                type="checkbox"
                checked={chosen.includes(run.id)}
                onChange={() => onToggle(run.id)}
              />
              <span className="jp-GpuMon-runName" title={run.name}>
                {run.name}
              </span>
              <span className="jp-GpuMon-runEnergy">{cost(run, say)}</span>
              <small title={run.message ?? undefined}>{about(run, say)}</small>
            </label>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function cost(run: IRunLine, { unit }: ISay): string {
  return run.joules == null ? '' : joules(run.joules, unit);
}

/** `today 14:20 · 12.4 s · main 3d57e51 · batch=32`, after how it went where that was not well. */
function about(run: IRunLine, { trans }: ISay): string {
  const tags = Object.entries(run.tags ?? {})
    .filter(([name]) => name !== 'uuid')
    .map(([name, value]) => `${name}=${value}`);
  const parts = [
    run.status !== 'success' && run.status.replace(/_/g, ' '),
    run.outcome && run.outcome !== 'ok' && run.outcome,
    new Date(run.start * 1000).toLocaleString('sv').slice(0, 16),
    run.status !== 'running' && duration(run.end - run.start),
    [run.branch, run.commit?.slice(0, 7)].filter(Boolean).join(' '),
    tags.join(', '),
    run.gpus,
    run.simulated && trans.__('simulated')
  ];
  return parts.filter(Boolean).join(' · ');
}

/** The list, asked for again while active, and soon after each measured cell; or why there is none. */
function useRuns(
  settings: ServerConnection.ISettings,
  active: boolean,
  cells: readonly IBand[]
): { readonly list: IRunList | null; readonly trouble: string } {
  const { answer, trouble } = useAnswer<IRunList>('runs', LOOK, settings, active, cells);
  return { list: answer, trouble };
}
