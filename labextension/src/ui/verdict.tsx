/** PASS, WARN, FAIL, warming, unknown: in words, with a sign of a shape of its own. */

import React from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IPatient } from '../schema';

const SIGNS: Readonly<Record<string, string>> = {
  pass: '✓',
  warn: '▲',
  fail: '■',
  warming: '…',
  unknown: '?'
};

/** The word for a state. */
export function wordOf(state: string, trans: TranslationBundle): string {
  const words: Readonly<Record<string, string>> = {
    pass: trans.__('PASS'),
    warn: trans.__('WARN'),
    fail: trans.__('FAIL'),
    warming: trans.__('warming'),
    unknown: trans.__('unknown')
  };
  return words[state] ?? state;
}

/** A state; where there is little room the sign alone is seen, and the word is read out. */
export function Verdict(props: {
  readonly state: string;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { state, trans } = props;
  return (
    <span className={`jp-GpuMon-outcome jp-mod-${state}`}>
      <i aria-hidden="true">{SIGNS[state] ?? '?'}</i> <b>{wordOf(state, trans)}</b>
    </span>
  );
}

/** The signs with their words, for where only the signs are seen. */
export function Legend({ trans }: { readonly trans: TranslationBundle }): JSX.Element {
  return (
    <p className="jp-GpuMon-signs" aria-hidden="true">
      {Object.entries(SIGNS)
        .map(([state, sign]) => `${sign} ${wordOf(state, trans)}`)
        .join('  ')}
    </p>
  );
}

/** `GPU 3`. */
export function nameOf(patient: IPatient): string {
  return patient.label.replace(/^gpu/, 'GPU ');
}
