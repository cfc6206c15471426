/** The alias under which Express 4 is installed beside Express 5; the tests take it for what both have in common. */
declare module 'express4' {
  const express4: unknown;

  // biome-ignore lint/style/noDefaultExport: that is how the package has it
  export default express4;
}
