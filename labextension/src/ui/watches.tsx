/** Watch × GPU as a table; a cell that is chosen says more below it. */

import React, { useState } from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import { whenOf } from '../alarmwords';
import type { IPatient, IWatched } from '../schema';
import { Legend, Verdict, nameOf, wordOf } from './verdict';

/** GPUs beside each other of which the words of all states still fit the sidebar. */
const ROOM = 2;

interface IChosen {
  readonly uuid: string;
  readonly watch: string;
}

/** What it is made from. */
export interface IWatchesProps {
  readonly patients: readonly IPatient[];
  readonly trans: TranslationBundle;
}

/** The table. */
export function Watches({ patients, trans }: IWatchesProps): JSX.Element {
  const [chosen, setChosen] = useState<IChosen | null>(null);
  const many = patients.length > ROOM ? ' jp-mod-many' : '';
  const patient = patients.find(each => each.uuid === chosen?.uuid);
  const watch = patient?.watches.find(each => each.watch === chosen?.watch);
  return (
    <div className={`jp-GpuMon-watches${many}`}>
      <table>
        <Head patients={patients} trans={trans} />
        <tbody>
          {patients[0].watches.map((row, place) => (
            <tr key={row.watch}>
              <th scope="row">{row.title}</th>
              {patients.map(each => (
                <Cell
                  key={each.uuid}
                  patient={each}
                  watch={each.watches[place]}
                  pressed={chosen?.uuid === each.uuid && chosen.watch === row.watch}
                  onChoose={setChosen}
                  trans={trans}
                />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {many && <Legend trans={trans} />}
      {patient && watch && <More patient={patient} watch={watch} trans={trans} />}
    </div>
  );
}

function Head({ patients, trans }: IWatchesProps): JSX.Element {
  return (
    <thead>
      <tr>
        <th scope="col">{trans.__('GPU')}</th>
        {patients.map(each => (
          <th key={each.uuid} scope="col" title={each.name}>
            {each.label.replace(/^gpu/, '')}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Cell(props: {
  readonly patient: IPatient;
  readonly watch: IWatched;
  readonly pressed: boolean;
  readonly onChoose: (chosen: IChosen | null) => void;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { patient, watch, pressed, onChoose, trans } = props;
  const name = `${nameOf(patient)}, ${watch.title}: ${wordOf(watch.state, trans)}`;
  const choice = { uuid: patient.uuid, watch: watch.watch };
  return (
    <td>
      <button
        aria-label={name}
        title={name}
        aria-pressed={pressed}
        onClick={() => onChoose(pressed ? null : choice)}
      >
        <Verdict state={watch.state} trans={trans} />
      </button>
    </td>
  );
}

function More({
  patient,
  watch,
  trans
}: {
  readonly patient: IPatient;
  readonly watch: IWatched;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const well = watch.state === 'pass' ? trans.__('Nothing was found.') : '';
  return (
    <div className="jp-GpuMon-more" role="status">
      <p>
        <b>
          {nameOf(patient)} · {watch.title}
        </b>{' '}
        <Verdict state={watch.state} trans={trans} />
        {watch.since != null && <small> {trans.__('since %1', whenOf(watch.since))}</small>}
      </p>
      <p>{watch.detail || well}</p>
      {(watch.steps ?? []).length > 0 && (
        <ol>
          {watch.steps?.map(step => (
            <li key={step}>{step}</li>
          ))}
        </ol>
      )}
    </div>
  );
}
