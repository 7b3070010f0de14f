/** Rules as the editor has them: what is typed, what is sent, what of a condition can be drawn. */

import { scaleOf } from './format';
import { RequestError } from './request';
import { METRICS, type IAlert, type IDevice, type IRuleItem as ISpokenRule } from './schema';
import type { IBand } from './tokens';
import { label } from './words';

/** A rule as data; one that is written in Python has no `when`. */
export interface IRuleData {
  readonly id: string;
  readonly when?: string;
  /** Seconds, or a time such as `5 min`. */
  readonly for?: number | string;
  readonly clear?: string;
  readonly level?: string;
  readonly title?: string;
  readonly enabled?: boolean;
}

/** A line of `gpumon/api/rules`. */
export interface IRuleItem extends Omit<ISpokenRule, 'rule'> {
  readonly rule: IRuleData;
}

/** What is in the fields. */
export interface IDraft {
  readonly id: string;
  readonly when: string;
  readonly hold: string;
  readonly clear: string;
  readonly level: string;
  readonly title: string;
}

/** The fields of a rule; of a new one where there is none. */
export function draftOf(rule: IRuleData | null): IDraft {
  return {
    id: rule?.id ?? '',
    when: rule?.when ?? '',
    hold: holdText(rule?.for ?? 30),
    clear: rule?.clear ?? '',
    level: rule?.level ?? 'warning',
    title: rule?.title ?? ''
  };
}

function holdText(hold: number | string): string {
  return typeof hold === 'string' ? hold : hold % 60 || !hold ? `${hold} s` : `${hold / 60} min`;
}

/** The rule that the fields make; what they do not show stays as it was. */
export function ruleOf(draft: IDraft, before: IRuleData | null): IRuleData {
  const hold = draft.hold.trim();
  return {
    ...before,
    id: draft.id.trim(),
    when: draft.when.trim(),
    for: /^[\d.]+$/.test(hold) ? Number(hold) : hold || 0,
    level: draft.level,
    clear: draft.clear.trim() || undefined, // JSON leaves it out
    title: draft.title.trim() || undefined
  };
}

/** What is wrong with a rule, and where. */
export interface IMistake {
  readonly message: string;
  readonly field: 'when' | 'clear' | '';
  /** From 1; null where it is nowhere in particular. */
  readonly column: number | null;
}

/** Why the server does not take a rule, as a mistake in one of the fields where it is one. */
export function refused(error: Error): IMistake {
  return error instanceof RequestError
    ? mistakeOf(error)
    : { message: error.message, field: '', column: null };
}

function mistakeOf({ message, hint, column }: RequestError): IMistake {
  const named = /"(when|clear)"/.exec(message)?.[1] as IMistake['field'] | undefined;
  const said = message.replace(/^The rule [^:,]*[:,] (?:"(?:when|clear)"(?:, column \d+)?: )?/, '');
  return {
    message: [said, hint].filter(Boolean).join(' '),
    field: named ?? (column === null ? '' : 'when'),
    column
  };
}

/** A text in three: before the mistake, the word that is wrong, and what follows. */
export function around(text: string, column: number): readonly [string, string, string] {
  const at = Math.min(Math.max(column - 1, 0), text.length);
  const word = /^(?:[\w.]+|\s*\S|\s*$)/.exec(text.slice(at))?.[0] ?? '';
  return [text.slice(0, at), word || ' ', text.slice(at + word.length)];
}

/** What of a condition can be drawn: a metric, and what it is compared with. */
export interface ISubject {
  readonly metric: string;
  /** In base units; null where that is not one number. */
  readonly limit: number | null;
}

const NUMBER = String.raw`[<>]=?\s*(-?\d+(?:\.\d*)?(?:e[+-]?\d+)?)\s*(%|°?[A-Za-z]+)?`;
const COMPARED = new RegExp(
  String.raw`(?:^|\b(?:and|or|not)\b)\s*\(*\s*(?:(?:mean|max|min)\(\s*)?([a-z]\w*)(?:\s*,[^)]*\))?\s*` +
    NUMBER
);
const SHARE = new RegExp(String.raw`\bmemory_used\s*\/\s*memory_total\s*` + NUMBER);
const FACTORS: Readonly<Record<string, number>> = {
  '%': 0.01,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  m: 1e-3,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40
};

/** The first comparison of a metric with a number, else the first metric that is named; null where there is none. */
export function subjectOf(condition: string, devices: readonly IDevice[]): ISubject | null {
  const share = SHARE.exec(condition);
  const totals = new Set(devices.map(device => device.memory_total));
  if (share) {
    const [total] = totals.size === 1 ? totals : [null];
    return { metric: 'memory_used', limit: total ? total * valueOf(share[1], share[2]) : null };
  }
  const compared = COMPARED.exec(condition);
  if (compared && isDrawn(compared[1])) {
    const { derive } = scaleOf(METRICS[compared[1]]);
    return { metric: compared[1], limit: derive ? null : valueOf(compared[2], compared[3]) };
  }
  const named = condition.match(/[a-z]\w*/g)?.find(isDrawn);
  return named ? { metric: named, limit: null } : null;
}

function isDrawn(name: string): boolean {
  return ['gauge', 'counter'].includes(METRICS[name]?.kind);
}

function valueOf(number: string, unit = ''): number {
  const prefix = /^(%|[TGMk]i?|m)?(?:Wh|W|J|Hz|B|s)?$/.exec(unit)?.[1] ?? '';
  return Number(number) * (FACTORS[prefix] ?? 1);
}

/** When it would have fired, as stretches of a chart; those that overlap are one, with the names of all its GPUs. */
export function firedBands(
  alerts: readonly IAlert[],
  devices: readonly IDevice[],
  now: number
): readonly IBand[] {
  const found: IBand[] = [];
  for (const { fired, resolved, finding } of [...alerts].sort((a, b) => a.fired - b.fired)) {
    const device = devices.find(one => one.uuid === finding.uuid);
    const [title, to] = [device ? label(device) : '', resolved ?? now];
    const last = found[found.length - 1];
    if (last && fired <= last.to) {
      const names = new Set([...last.title.split(', '), title].filter(Boolean));
      found[found.length - 1] = {
        from: last.from,
        to: Math.max(last.to, to),
        title: [...names].join(', ')
      };
    } else {
      found.push({ from: fired, to, title });
    }
  }
  return found;
}
