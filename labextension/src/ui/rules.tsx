/** The rules that alerts come from: each can be switched off, and those that are conditions can be changed. */

import React, { useState } from 'react';
import { send } from '../request';
import { refused, type IRuleData, type IRuleItem } from '../rules';
import { Level } from './alarm';
import { Section } from './frame';
import { useAnswer } from './hooks';
import type { IPageProps } from './pages';
import { RuleEditor } from './ruleeditor';

/** Milliseconds between two looks at the rules: others may change them. */
const LOOK = 60_000;
/** Rules among which nobody has to search. */
const FEW = 8;
/** Stands for a rule that there is not yet. */
const NEW = ' ';

interface IAnswer {
  readonly rules: readonly IRuleItem[];
}

/** The list, and the editor of the one that is changed. */
export function Rules(props: IPageProps): JSX.Element {
  const { settings, active } = props;
  const { trans } = props.say;
  const [fresh, setFresh] = useState(0);
  const [edited, setEdited] = useState('');
  const { answer, trouble } = useAnswer<IAnswer>('rules', LOOK, settings, active, fresh);
  const items = answer?.rules ?? [];
  const done = (): void => {
    setEdited('');
    setFresh(fresh + 1);
  };
  const editor = (item: IRuleItem | null): JSX.Element => (
    <RuleEditor {...props} item={item} names={items.map(({ rule }) => rule.id)} onDone={done} />
  );
  const onNew = (): void => setEdited(NEW);
  return (
    <Section
      title={trans.__('Rules')}
      name="alerts-rules"
      tools={
        <button className="jp-GpuMon-text" onClick={onNew}>
          {trans.__('New rule')}
        </button>
      }
    >
      {trouble && <p className="jp-GpuMon-detail">{trouble}</p>}
      {edited === NEW && editor(null)}
      <List {...props} {...{ items, edited, setEdited, done, editor }} />
    </Section>
  );
}

/** Those that are looked for. */
function List(
  props: Omit<ILineProps, 'item'> & { readonly items: readonly IRuleItem[] }
): JSX.Element {
  const [text, setText] = useState('');
  return (
    <>
      {props.items.length > FEW && <Find text={text} onText={setText} say={props.say} />}
      <ul>
        {props.items
          .filter(item => found(item, text))
          .map(item => (
            <RuleLine key={item.rule.id} {...props} item={item} />
          ))}
      </ul>
    </>
  );
}

function found({ rule }: IRuleItem, text: string): boolean {
  return [rule.id, rule.title, rule.when]
    .join(' ')
    .toLowerCase()
    .includes(text.trim().toLowerCase());
}

function Find(props: {
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly say: IPageProps['say'];
}): JSX.Element {
  const words = props.say.trans.__('Find a rule');
  return (
    <input
      className="jp-GpuMon-find"
      type="search"
      aria-label={words}
      placeholder={words}
      value={props.text}
      onChange={event => props.onText(event.target.value)}
    />
  );
}

interface ILineProps extends IPageProps {
  readonly item: IRuleItem;
  /** Id of the rule that is changed now. */
  readonly edited: string;
  readonly setEdited: (id: string) => void;
  readonly done: () => void;
  readonly editor: (item: IRuleItem) => JSX.Element;
}

function RuleLine(props: ILineProps): JSX.Element {
  const { item } = props;
  const { trans } = props.say;
  const { rule } = item;
  return (
    <li className="jp-GpuMon-rule" data-rule={rule.id}>
      <Switch {...props} />
      <h3 title={rule.id}>{rule.title || rule.id}</h3>
      {(item.editable ?? true) && (
        <button
          className="jp-GpuMon-text"
          aria-label={trans.__('Edit the rule %1', rule.id)}
          onClick={() => props.setEdited(rule.id)}
        >
          {trans.__('Edit')}
        </button>
      )}
      <p>
        <Level level={rule.level ?? 'warning'} trans={trans} /> · {originWords(item, trans)}
        {rule.when ? <code>{rule.when}</code> : item.help && <span>{item.help}</span>}
      </p>
      {props.edited === rule.id && props.editor(item)}
    </li>
  );
}

/** Whether a rule judges; why it cannot be switched stands below its title. */
function Switch({ item, settings, say, done }: ILineProps): JSX.Element {
  const { rule } = item;
  const [trouble, setTrouble] = useState('');
  const onSwitch = (enabled: boolean): void => {
    const body: IRuleData =
      item.origin === 'yours' ? { ...rule, enabled } : { id: rule.id, enabled };
    send<IRuleItem>('PUT', `rules/${encodeURIComponent(rule.id)}`, body, settings).then(
      () => (setTrouble(''), done()),
      (error: Error) => setTrouble(refused(error).message)
    );
  };
  return (
    <>
      <input
        type="checkbox"
        role="switch"
        checked={item.enabled ?? true}
        aria-label={say.trans.__('Use the rule %1', rule.id)}
        onChange={event => onSwitch(event.target.checked)}
      />
      {trouble && <small role="alert">{trouble}</small>}
    </>
  );
}

function originWords(item: IRuleItem, trans: IPageProps['say']['trans']): string {
  if (item.origin === 'yours') {
    return item.changed ? trans.__('changed by you') : trans.__('made by you');
  }
  if (item.origin === 'plugin') {
    return trans.__('of a plug-in');
  }
  return item.origin === 'shipped'
    ? trans.__('shipped')
    : trans.__('set in the server’s configuration');
}
