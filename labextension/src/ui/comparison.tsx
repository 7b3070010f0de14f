/** Chosen runs beside one another: what differs, and whether by more than chance; their lines in one chart. */

import React, { useEffect, useState } from 'react';
import type { ServerConnection } from '@jupyterlab/services';
import type { ISay } from '../energy';
import { UNKNOWN } from '../format';
import { compareAll, grounds, recordsOf, shareText, valueText } from '../runs';
import type { ICompared, IComparison, IRunLine } from '../schema';
import { Section } from './frame';
import { Overlay } from './overlay';

/** What it is made from. */
export interface IComparisonsProps {
  /** Two or more; the others are compared with the first. */
  readonly runs: readonly IRunLine[];
  readonly settings: ServerConnection.ISettings;
  /** Another name where colours are to be drawn anew. */
  readonly theme: string;
  readonly say: ISay;
}

/** Tables and chart. */
export function Comparisons(props: IComparisonsProps): JSX.Element {
  const { runs, settings, say } = props;
  const { trans } = say;
  const [wish, setWish] = useState<boolean | null>(null);
  const names = new Set(runs.map(run => run.name));
  const byName = names.size > 1 && (wish ?? false);
  const ids = runs.map(run => run.id).join();
  const found = useAnswer(() => compareAll(runs, byName, settings), `${ids} ${byName}`);
  const records = useAnswer(
    () =>
      recordsOf(
        runs.map(run => run.id),
        settings
      ),
    ids
  );
  return (
    <>
      <Section title={trans.__('Comparison')} name="runs-comparison">
        {names.size > 1 && <Which byName={byName} onChange={setWish} say={say} />}
        {found.trouble && <p className="jp-GpuMon-detail">{found.trouble}</p>}
        {found.value?.map(each => (
          <Difference key={each.second} comparison={each} say={say} />
        ))}
      </Section>
      {records.value && <Overlay records={records.value} theme={props.theme} say={say} />}
    </>
  );
}

function Which(props: {
  readonly byName: boolean;
  readonly onChange: (byName: boolean) => void;
  readonly say: ISay;
}): JSX.Element {
  const { trans } = props.say;
  const choices: readonly (readonly [boolean, string])[] = [
    [false, trans.__('These runs')],
    [true, trans.__('All of their names')]
  ];
  return (
    <div className="jp-GpuMon-choices">
      <span role="group" aria-label={trans.__('What is compared')}>
        {choices.map(([value, title]) => (
          <button
            key={title}
            className="jp-GpuMon-text"
            aria-pressed={value === props.byName}
            onClick={() => props.onChange(value)}
          >
            {title}
          </button>
        ))}
      </span>
    </div>
  );
}

/** One side against the first: a row per metric, and the statement. */
function Difference(props: { readonly comparison: IComparison; readonly say: ISay }): JSX.Element {
  const { comparison, say } = props;
  const { trans } = say;
  return (
    <>
      <table className="jp-GpuMon-ledger jp-GpuMon-difference">
        <thead>
          <tr>
            <th>{trans.__('Metric')}</th>
            <th title={comparison.first}>{comparison.first}</th>
            <th title={comparison.second}>{comparison.second}</th>
            <th>{trans.__('Change')}</th>
          </tr>
        </thead>
        <tbody>
          {(comparison.metrics ?? []).map(row => (
            <Row key={row.metric} row={row} say={say} />
          ))}
        </tbody>
      </table>
      <p className="jp-GpuMon-detail">
        {[comparison.statement, ...(comparison.notes ?? [])].filter(Boolean).join(' ')}
      </p>
    </>
  );
}

function Row({ row, say }: { readonly row: ICompared; readonly say: ISay }): JSX.Element {
  const { trans } = say;
  const unit = row.unit ?? '';
  const sure = row.significant === true;
  const why = grounds(row, say);
  return (
    <tr className={sure ? 'jp-mod-significant' : ''} title={why}>
      <th scope="row" title={row.metric}>
        {row.metric}
      </th>
      <td>{valueText(row.first, unit, say)}</td>
      <td>{valueText(row.second, unit, say)}</td>
      <td>
        {row.change == null ? UNKNOWN : shareText(row.change)}
        <span
          className="jp-GpuMon-verdict"
          role="img"
          aria-label={
            row.significant == null
              ? trans.__('not tested')
              : sure
                ? trans.__('by more than chance')
                : trans.__('may be chance')
          }
        >
          {row.significant == null ? '' : sure ? '●' : '○'}
        </span>
      </td>
    </tr>
  );
}

/** The answer to a question that is asked anew when its key changes; the last one stays until the next has come. */
function useAnswer<T>(
  ask: () => Promise<T>,
  key: string
): { readonly value: T | null; readonly trouble: string } {
  const [value, setValue] = useState<T | null>(null);
  const [trouble, setTrouble] = useState('');
  useEffect(() => {
    let gone = false;
    ask().then(
      answer => !gone && (setValue(answer), setTrouble('')),
      (error: Error) => !gone && setTrouble(error.message)
    );
    return () => {
      gone = true;
    };
  }, [key]);
  return { value, trouble };
}
