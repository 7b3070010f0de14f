/** The server's REST interface, as far as the browser uses it. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** Where everything of ours is on the server. */
export const API = 'gpumon/api';

/** What the server said when it refused, with what to do. */
export class RequestError extends Error {
  /** An answer that was no success. */
  constructor(
    readonly status: number,
    message: string,
    readonly hint = ''
  ) {
    super(message);
  }
}

/** Ask the server. `path` is below `gpumon/api`; undefined query values are left out. */
export async function request(
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
  settings: ServerConnection.ISettings
): Promise<Response> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = given
    .map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`)
    .join('&');
  const url = URLExt.join(settings.baseUrl, API, path) + (search ? `?${search}` : '');
  const response = await ServerConnection.makeRequest(url, { cache: 'no-store' }, settings);
  if (!response.ok) {
    throw await refusal(response);
  }
  return response;
}

async function refusal(response: Response): Promise<RequestError> {
  const text = await response.text();
  try {
    const { message, hint } = JSON.parse(text) as { message?: string; hint?: string };
    return new RequestError(response.status, message ?? response.statusText, hint ?? '');
  } catch {
    return new RequestError(response.status, response.statusText);
  }
}
