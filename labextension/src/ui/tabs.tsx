/** The tabs of a view: arrows move, what is chosen is remembered; too many for the width can be scrolled. */

import React, { useEffect, useRef } from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Tab } from '../tokens';
import { PAGES } from './pages';

/** What the tabs are made from. */
export interface ITabsProps {
  readonly id: string;
  readonly tab: Tab;
  readonly onTab: (tab: Tab) => void;
  /** Alerts that want to be looked at. */
  readonly calls: number;
  readonly trans: TranslationBundle;
}

/** A row of tabs. */
export function Tabs(props: ITabsProps): JSX.Element {
  const { id, tab, trans } = props;
  const chosen = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    chosen.current?.scrollIntoView({ block: 'nearest', inline: 'nearest' }); // a promise in some browsers
  }, [tab]);
  return (
    <div
      className="jp-GpuMon-tabs"
      role="tablist"
      aria-label={trans.__('GPU monitor')}
      onKeyDown={event => onKey(event, props)}
    >
      {PAGES.map(({ tab: name, title }) => (
        <button
          key={name}
          ref={name === tab ? chosen : null}
          id={`${id}-${name}`}
          role="tab"
          aria-selected={name === tab}
          aria-label={name === 'alerts' && props.calls ? firing(props, title(trans)) : undefined}
          aria-controls={`${id}-panel`}
          tabIndex={name === tab ? 0 : -1}
          onClick={() => props.onTab(name)}
        >
          {title(trans)}
          {name === 'alerts' && props.calls > 0 && <b>{props.calls}</b>}
        </button>
      ))}
    </div>
  );
}

function firing({ calls, trans }: ITabsProps, name: string): string {
  return `${name}, ${trans._n('%1 firing', '%1 firing', calls)}`;
}

const TABS: readonly Tab[] = PAGES.map(page => page.tab);

function onKey(event: React.KeyboardEvent<HTMLElement>, { tab, onTab }: ITabsProps): void {
  const at = TABS.indexOf(tab);
  const moves: Readonly<Record<string, number>> = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    Home: 0,
    End: TABS.length - 1
  };
  const to = moves[event.key];
  if (to !== undefined) {
    event.preventDefault();
    const next = (to + TABS.length) % TABS.length;
    onTab(TABS[next]);
    (event.currentTarget.children[next] as HTMLElement).focus();
  }
}
