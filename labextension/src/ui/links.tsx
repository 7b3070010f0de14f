/** How GPUs are linked and split: PCIe, each NVLink, which link each pair shares, MIG instances. The Links tab. */

import React from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import '../../style/health.css';
import { quantity } from '../format';
import { isLight, strokeOf } from '../palette';
import type { IDevice, IDeviceLinks, ILinks, IPcieState, ITopology } from '../schema';
import { Section } from './frame';
import { useAnswer } from './hooks';
import { Meter } from './meter';
import { MigTree } from './migtree';
import { Nvlinks } from './nvlinks';
import type { IPageProps } from './pages';

/** Milliseconds between two looks: each asks the driver for every link. */
const EVERY = 5000;

/** The tab; drawn again only when there is something new to see. */
export default React.memo(LinksTab);

function LinksTab(props: IPageProps): JSX.Element {
  const { settings, active, devices, say } = props;
  const { trans } = say;
  const { answer, trouble } = useAnswer<ILinks>('links', EVERY, settings, active, null);
  const boards = answer?.devices ?? [];
  return (
    <div className="jp-GpuMon-health">
      {trouble && (
        <p className="jp-GpuMon-detail" role="alert">
          {trouble}
        </p>
      )}
      {!answer && !trouble && (
        <p className="jp-GpuMon-detail">{trans.__('Looking at each link …')}</p>
      )}
      {answer && boards.length === 0 && (
        <p className="jp-GpuMon-detail">{trans.__('There is no GPU to look at.')}</p>
      )}
      {answer && boards.length > 0 && <Parts links={answer} devices={devices} trans={trans} />}
    </div>
  );
}

interface IPartsProps {
  readonly links: ILinks;
  readonly devices: readonly IDevice[];
  readonly trans: TranslationBundle;
}

function Parts({ links, devices, trans }: IPartsProps): JSX.Element {
  const boards = links.devices ?? [];
  return (
    <>
      <Section title={trans.__('PCIe')} name="links-pcie">
        <div className="jp-GpuMon-wires">
          {boards.map(board => (
            <Pcie key={board.uuid} board={board} devices={devices} trans={trans} />
          ))}
        </div>
      </Section>
      <Section title={trans.__('NVLink')} name="links-nvlink">
        <Nvlinks boards={boards} trans={trans} />
      </Section>
      {boards.length > 1 && links.topology && <Matrix topology={links.topology} trans={trans} />}
      <Section title={trans.__('MIG')} name="links-mig">
        <MigTree boards={links.mig ?? []} trans={trans} />
      </Section>
    </>
  );
}

function Pcie(props: {
  readonly board: IDeviceLinks;
  readonly devices: readonly IDevice[];
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { board, devices, trans } = props;
  const { pcie } = board;
  const device = devices.find(each => each.uuid === board.uuid);
  const colour = device ? strokeOf(device, isLight()).colour : '';
  const rates: readonly (readonly [string, number | null | undefined])[] = [
    [trans.__('Sent'), pcie.tx],
    [trans.__('Received'), pcie.rx]
  ];
  return (
    <div className="jp-GpuMon-wire">
      <div>
        <i className="jp-GpuMon-chip" style={{ background: colour }} />{' '}
        <b>{board.label.replace(/^gpu/, 'GPU ')}</b> {shapeWords(pcie, trans)}
      </div>
      {rates.map(([title, rate]) => (
        <Meter
          key={title}
          label={title}
          share={rate != null && pcie.speed ? rate / pcie.speed : null}
          colour={colour}
          text={quantity(rate, 'bytes', true)}
        />
      ))}
      <small>{pcieWords(pcie, trans)}</small>
    </div>
  );
}

/** `Gen 5 × 16`; where it runs below its best, what that is. */
function shapeWords(pcie: IPcieState, trans: TranslationBundle): string {
  const shape = (gen?: number | null, width?: number | null): string =>
    gen == null || width == null ? '—' : trans.__('Gen %1 × %2', gen, width);
  const [now, most] = [shape(pcie.gen, pcie.width), shape(pcie.gen_max, pcie.width_max)];
  return now === most ? now : trans.__('%1 of %2', now, most);
}

/** What the link can do, and what it has counted since the driver was loaded. */
function pcieWords(pcie: IPcieState, trans: TranslationBundle): string {
  const { replays, errors, fatal_errors: fatal, speed } = pcie;
  const known = [replays, errors, fatal].some(count => count != null);
  const counted = [
    replays && trans._n('%1 replay', '%1 replays', replays),
    errors && trans.__('%1 corrected', errors),
    fatal && trans.__('%1 fatal', fatal)
  ].filter(Boolean);
  return [
    speed != null && trans.__('can do %1 each way', quantity(speed, 'bytes', true)),
    ...(counted.length || !known ? counted : [trans.__('no errors')])
  ]
    .filter(Boolean)
    .join(' · ');
}

/** The matrix of `nvidia-smi topo -m`. */
function Matrix(props: {
  readonly topology: ITopology;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { topology, trans } = props;
  const labels = (topology.labels ?? []).map(name => name.replace(/^gpu/, ''));
  return (
    <Section title={trans.__('Between GPUs')} name="links-topology">
      <div className="jp-GpuMon-matrix">
        <table>
          <thead>
            <tr>
              <th scope="col">{trans.__('GPU')}</th>
              {labels.map(name => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {(topology.rows ?? []).map((row, place) => (
              <tr key={labels[place]}>
                <th scope="row">{labels[place]}</th>
                {row.map((code, other) => (
                  <td key={labels[other]}>{code || '—'}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="jp-GpuMon-detail">
        {trans.__(
          'NV: so many NVLinks. PIX, PXB: one, several PCIe switches. PHB: host bridge. NODE: same, SYS: other socket.'
        )}
      </p>
    </Section>
  );
}
