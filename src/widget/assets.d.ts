/** What Vite makes of a style sheet that is asked for as text. */
declare module '*.css?inline' {
  const text: string;
  export default text;
}

/** The address of a worker's file. */
declare module '*?worker&url' {
  const address: string;
  export default address;
}

/** The address of a file. */
declare module '*?url' {
  const address: string;
  export default address;
}
