// What the bundler resolves and the compiler does not look into.

declare module '*.svg' {
  const source: string;
  export default source;
}

declare module '*/package.json' {
  export const version: string;
}
