/** What the user has set, from the settings registry where there is one. */

import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { PartialJSONValue } from '@lumino/coreutils';
import { Signal, type ISignal } from '@lumino/signaling';
import type { IPreferences, IPreferenceStore } from './tokens';

const DEFAULTS: IPreferences = {
  side: 'right',
  range: 600,
  metrics: ['utilization', 'memory_used', 'power', 'temperature'],
  cards: 3,
  statusBar: true,
  energyUnit: 'auto',
  tab: 'now',
  notify: 'warning'
};

/** Preferences that follow the settings at once. */
export class PreferenceStore implements IPreferenceStore {
  /** The preferences now. */
  get current(): IPreferences {
    return this._current;
  }

  /** Emitted with the new preferences after each change. */
  get changed(): ISignal<PreferenceStore, IPreferences> {
    return this._changed;
  }

  /** Take over the settings of `plugin` and follow them. */
  async follow(registry: ISettingRegistry, plugin: string): Promise<void> {
    const settings = (this._settings = await registry.load(plugin));
    const update = (): void => this._set(settings.composite as unknown as Partial<IPreferences>);
    settings.changed.connect(update);
    update();
  }

  /** Keep another choice, at once and for the next visit. */
  set<K extends keyof IPreferences>(name: K, value: IPreferences[K]): void {
    this._set({ [name]: value });
    const kept = Array.isArray(value) ? [...value] : value;
    void this._settings?.set(name, kept as PartialJSONValue);
  }

  private _set(changed: Partial<IPreferences>): void {
    this._current = { ...this._current, ...changed };
    this._changed.emit(this._current);
  }

  private readonly _changed = new Signal<PreferenceStore, IPreferences>(this);
  private _current = DEFAULTS;
  private _settings: ISettingRegistry.ISettings | null = null;
}
