/** A rule in fields, with what it would have done over the last hour. */

import React, { useEffect, useState } from 'react';
import type { ServerConnection } from '@jupyterlab/services';
import { send } from '../request';
import {
  draftOf,
  refused,
  ruleOf,
  type IDraft,
  type IMistake,
  type IRuleData,
  type IRuleItem
} from '../rules';
import type { IPreview } from '../schema';
import type { IGpuModel } from '../tokens';
import { Condition } from './condition';
import type { IPageProps } from './pages';
import { Preview } from './preview';

/** Seconds that the preview looks back. */
const BACK = 3600;
/** Milliseconds after the last key before the server is asked. */
const PAUSE = 500;
/** Milliseconds after which the last hour is another one. */
const AGAIN = 5000;

/** What the editor is made from. */
export interface IRuleEditorProps extends IPageProps {
  /** What is changed; null for a new one. */
  readonly item: IRuleItem | null;
  /** Ids that are taken. */
  readonly names: readonly string[];
  readonly onDone: () => void;
}

/** The form. */
export function RuleEditor(props: IRuleEditorProps): JSX.Element {
  const { item, settings, names, onDone } = props;
  const { trans } = props.say;
  const [draft, setDraft] = useState(() => draftOf(item?.rule ?? null));
  const rule = ruleOf(draft, item?.rule ?? null);
  const { preview, at, mistake, setMistake } = usePreview(rule, props.model, settings);
  const taken = !item && names.includes(rule.id);
  const change = (method: 'PUT' | 'DELETE', body: IRuleData | null): void => {
    send(method, `rules/${encodeURIComponent(rule.id)}`, body, settings).then(
      onDone,
      (error: Error) => setMistake(refused(error))
    );
  };
  return (
    <form
      className="jp-GpuMon-editor"
      aria-label={item ? trans.__('Rule %1', rule.id) : trans.__('New rule')}
      onSubmit={event => {
        event.preventDefault();
        change('PUT', { ...rule, enabled: item?.enabled ?? true });
      }}
    >
      <Fields {...props} draft={draft} onDraft={setDraft} mistake={mistake} />
      {(taken || (mistake && mistake.field === '')) && (
        <p role="alert">
          {taken ? trans.__('There is a rule called %1 already.', rule.id) : mistake?.message}
        </p>
      )}
      {preview && !mistake && (
        <Preview {...props} when={rule.when ?? ''} preview={preview} at={at} />
      )}
      <Buttons
        {...props}
        ready={!taken && !!rule.id && !!rule.when}
        onReset={() => change('DELETE', null)}
      />
    </form>
  );
}

interface IPreviewing {
  readonly preview: IPreview | null;
  /** The server's Unix time at which it was made. */
  readonly at: number;
  readonly mistake: IMistake | null;
  readonly setMistake: (mistake: IMistake | null) => void;
}

/** What the rule would have done, a moment after the last change; or what is wrong with it. */
function usePreview(
  rule: IRuleData,
  model: IGpuModel,
  settings: ServerConnection.ISettings
): IPreviewing {
  const [found, setFound] = useState<Pick<IPreviewing, 'preview' | 'at'>>({ preview: null, at: 0 });
  const [mistake, setMistake] = useState<IMistake | null>(null);
  const text = JSON.stringify({ ...rule, id: rule.id || 'preview' });
  useEffect(() => {
    let gone = false;
    const ask = (): void => {
      send<IPreview>(
        'POST',
        'rules/preview',
        { rule: JSON.parse(text), seconds: BACK },
        settings
      ).then(
        preview => !gone && (setFound({ preview, at: model.now() }), setMistake(null)),
        (error: Error) => !gone && setMistake(refused(error))
      );
    };
    const first = rule.when ? window.setTimeout(ask, PAUSE) : 0;
    const again = rule.when ? window.setInterval(ask, AGAIN) : 0;
    return () => {
      gone = true;
      window.clearTimeout(first);
      window.clearInterval(again);
    };
  }, [text, model, settings]);
  return { ...found, mistake, setMistake };
}

interface IFieldsProps extends IRuleEditorProps {
  readonly draft: IDraft;
  readonly onDraft: (draft: IDraft) => void;
  readonly mistake: IMistake | null;
}

function Fields(props: IFieldsProps): JSX.Element {
  const { draft } = props;
  const { trans } = props.say;
  const set = (changed: Partial<IDraft>): void => props.onDraft({ ...draft, ...changed });
  return (
    <>
      {!props.item && (
        <Field
          title={trans.__('Name')}
          hint={trans.__('lower case with -, such as gpu-hot')}
          value={draft.id}
          onChange={id => set({ id })}
        />
      )}
      <Conditions {...props} set={set} />
      <LevelField {...props} onLevel={level => set({ level })} />
      <Field
        title={trans.__('Title')}
        hint={trans.__('a few words')}
        value={draft.title}
        onChange={title => set({ title })}
      />
    </>
  );
}

function Conditions(
  props: IFieldsProps & { readonly set: (changed: Partial<IDraft>) => void }
): JSX.Element {
  const { draft, mistake, set } = props;
  const { trans } = props.say;
  const wrong = (field: IMistake['field']): IMistake | null =>
    mistake?.field === field ? mistake : null;
  return (
    <>
      <Condition
        title={trans.__('Fires when')}
        example="temperature > 85"
        value={draft.when}
        mistake={wrong('when')}
        onChange={when => set({ when })}
      />
      <Field
        title={trans.__('For')}
        hint="30 s"
        value={draft.hold}
        onChange={hold => set({ hold })}
      />
      <Condition
        title={trans.__('Over when')}
        example={trans.__('it no longer holds')}
        value={draft.clear}
        mistake={wrong('clear')}
        onChange={clear => set({ clear })}
      />
    </>
  );
}

function LevelField(
  props: IFieldsProps & { readonly onLevel: (level: string) => void }
): JSX.Element {
  const { trans } = props.say;
  const names = [
    ['critical', trans.__('Critical')],
    ['warning', trans.__('Warning')],
    ['info', trans.__('Note')]
  ];
  return (
    <label>
      <span>{trans.__('Level')}</span>
      <select value={props.draft.level} onChange={event => props.onLevel(event.target.value)}>
        {names.map(([level, name]) => (
          <option key={level} value={level}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Field(props: {
  readonly title: string;
  readonly hint: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}): JSX.Element {
  return (
    <label>
      <span>{props.title}</span>
      <input
        value={props.value}
        placeholder={props.hint}
        spellCheck={false}
        onChange={event => props.onChange(event.target.value)}
      />
    </label>
  );
}

function Buttons(
  props: IRuleEditorProps & { readonly ready: boolean; readonly onReset: () => void }
): JSX.Element {
  const { item, ready, onDone, onReset } = props;
  const { trans } = props.say;
  return (
    <div className="jp-GpuMon-answers">
      <button type="submit" className="jp-GpuMon-text" disabled={!ready}>
        {trans.__('Save')}
      </button>
      <button type="button" className="jp-GpuMon-text" onClick={onDone}>
        {trans.__('Cancel')}
      </button>
      {item && (item.changed || item.origin === 'yours') && (
        <button type="button" className="jp-GpuMon-text" onClick={onReset}>
          {item.changed ? trans.__('Undo my changes') : trans.__('Delete')}
        </button>
      )}
    </div>
  );
}
