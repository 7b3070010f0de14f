/** What could be done better, and how that is known: the Advice tab. */

import React, { useState } from 'react';
import { Clipboard, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { clock } from '../format';
import type { IKernelActions } from '../kernels';
import type { IFinding } from '../schema';
import '../../style/advice.css';
import '../../style/ledger.css';
import { Picture } from './evidence';
import { useAnswer } from './hooks';
import type { IPageProps } from './pages';

interface IAdvice {
  readonly findings: readonly IFinding[];
  readonly since: number;
  readonly until: number;
}

/** Milliseconds between two looks. */
const EVERY = 10_000;
/** Seconds that can be looked at. */
const WINDOWS = [600, 3600] as const;
/** What was dismissed, until the page is loaded again. */
const dismissed = new Set<string>();

/** The tab; drawn again only when there is something new to see. */
export default React.memo(AdviceTab);

function AdviceTab(props: IPageProps): JSX.Element {
  const { trans } = props.say;
  const [seconds, setSeconds] = useState<number>(WINDOWS[0]);
  const { shownOf, onDismiss } = useDismissed();
  const { answer, trouble } = useAdvice(seconds, props);
  const shown = shownOf(answer?.findings ?? []);
  const hidden = (answer?.findings.length ?? 0) - shown.length;
  return (
    <div className="jp-GpuMon-advice">
      <Windows seconds={seconds} onSeconds={setSeconds} trans={trans} />
      {answer && (
        <p className="jp-GpuMon-detail">
          {trans.__('%1 to %2', clock(answer.since), clock(answer.until))}
        </p>
      )}
      {trouble && <p className="jp-GpuMon-detail">{trouble}</p>}
      {!answer && !trouble && <p className="jp-GpuMon-detail">{trans.__('Asking the server …')}</p>}
      {answer && !shown.length && <Nothing hidden={hidden} trans={trans} />}
      <ul>
        {shown.map(finding => (
          <Item
            key={keyOf(finding)}
            finding={finding}
            actions={props.actions}
            trans={trans}
            onDismiss={() => onDismiss(keyOf(finding))}
          />
        ))}
      </ul>
      {hidden > 0 && (
        <button className="jp-GpuMon-text" onClick={() => onDismiss(null)}>
          {trans._n('Show %1 that was dismissed', 'Show %1 that were dismissed', hidden)}
        </button>
      )}
    </div>
  );
}

/** What was not dismissed; and dismissing one, or with null none any more. */
function useDismissed(): {
  readonly shownOf: (findings: readonly IFinding[]) => readonly IFinding[];
  readonly onDismiss: (key: string | null) => void;
} {
  const [, setCount] = useState(0);
  return {
    shownOf: findings => findings.filter(finding => !dismissed.has(keyOf(finding))),
    onDismiss: key => {
      if (key === null) {
        dismissed.clear();
      } else {
        dismissed.add(key);
      }
      setCount(count => count + 1);
    }
  };
}

/** The answer of before stays until the next one is there. */
function useAdvice(
  seconds: number,
  props: IPageProps
): { readonly answer: IAdvice | null; readonly trouble: string } {
  return useAnswer<IAdvice>(
    `advice?seconds=${seconds}`,
    EVERY,
    props.settings,
    props.active,
    props.cells
  );
}

function keyOf(finding: IFinding): string {
  return [finding.rule, finding.uuid, finding.subject].join(' ');
}

function Nothing(props: {
  readonly hidden: number;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { hidden, trans } = props;
  return (
    <p className="jp-GpuMon-detail">
      {hidden > 0
        ? trans.__('No advice that was not dismissed.')
        : trans.__('No advice: nothing was found that could be better in this time.')}
    </p>
  );
}

function Windows(props: {
  readonly seconds: number;
  readonly onSeconds: (seconds: number) => void;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { trans } = props;
  const titles: Readonly<Record<number, string>> = {
    600: trans.__('Last 10 min'),
    3600: trans.__('Last hour')
  };
  return (
    <div className="jp-GpuMon-choices" role="group" aria-label={trans.__('Time')}>
      <span>
        {WINDOWS.map(seconds => (
          <button
            key={seconds}
            className="jp-GpuMon-text"
            aria-pressed={seconds === props.seconds}
            onClick={() => props.onSeconds(seconds)}
          >
            {titles[seconds]}
          </button>
        ))}
      </span>
    </div>
  );
}

interface IItemProps {
  readonly finding: IFinding;
  readonly actions: IKernelActions;
  readonly trans: TranslationBundle;
  readonly onDismiss: () => void;
}

/** One piece of advice. */
function Item({ finding, actions, trans, onDismiss }: IItemProps): JSX.Element {
  const { code } = finding;
  return (
    <li className={`jp-GpuMon-item jp-mod-${finding.level ?? 'warning'}`}>
      <h3>
        {finding.title} <small>{sureWords(finding.confidence ?? 1, trans)}</small>
      </h3>
      <p>{finding.detail}</p>
      {(finding.evidence ?? []).map((evidence, at) => (
        <Picture key={at} evidence={evidence} trans={trans} />
      ))}
      <ol>
        {(finding.steps ?? []).map(step => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      {code && (
        <details>
          <summary>{code.title ?? trans.__('code')}</summary>
          <pre>{code.source}</pre>
        </details>
      )}
      <div className="jp-GpuMon-itemActions">
        {code && (
          <button
            className="jp-GpuMon-text"
            title={trans.__('Put this code into a new cell of the notebook used last')}
            onClick={() => void insert(code.source, actions, trans)}
          >
            {trans.__('Insert code')}
          </button>
        )}
        <button className="jp-GpuMon-text" onClick={onDismiss}>
          {trans.__('Dismiss')}
        </button>
      </div>
    </li>
  );
}

/** Without a notebook the code goes to the clipboard. */
async function insert(
  source: string,
  actions: IKernelActions,
  trans: TranslationBundle
): Promise<void> {
  if (!(await actions.insert(source))) {
    Clipboard.copyToSystem(source);
    Notification.info(trans.__('No notebook is open: the code was copied.'), { autoClose: 5000 });
  }
}

function sureWords(confidence: number, trans: TranslationBundle): string {
  if (confidence >= 0.85) {
    return trans.__('almost certain');
  }
  return confidence >= 0.65 ? trans.__('likely') : trans.__('possible');
}
