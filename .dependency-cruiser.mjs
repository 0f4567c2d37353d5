/**
 * The house rules that a machine can hold: a room imports only from floors below it, rooms show each other
 * only their face (`index.ts`), there are no circles, and rooms that must run without tensors do not import
 * TensorFlow.js. The floors are drawn in docs/architecture.md.
 */
import swc from '@swc/core';

// The cruiser reads every file as TypeScript without JSX; files of the app have it.
const { parseFileSync } = swc;
swc.parseFileSync = (file, options) => parseFileSync(file, { ...options, tsx: /\.tsx$/.test(file) });

const floors = [
  ['core'],
  ['platform'],
  ['engine', 'formats', 'storage', 'config'],
  ['nn', 'vision', 'metrics'],
  ['models', 'data'],
  ['tasks'],
  ['training', 'inference', 'tracking', 'serving', 'tuning', 'export', 'reports'],
  ['runs', 'gateway'],
  ['client'],
  ['cli', 'app', 'widget'],
];

const room = (names) => `^src/(${names.join('|')})/`;
const floorRules = floors.slice(0, -1).map((names, level) => ({
  name: `floor-${level}-does-not-look-up`,
  severity: 'error',
  comment: `${names.join(', ')} may import only from their own floor or below`,
  from: { path: room(names), pathNot: '\\.test\\.ts$' },
  to: { path: room(floors.slice(level + 1).flat()) },
}));

/** Rooms beside each other don't know each other either; what needs both lives one floor up. */
const neighbourRules = floors
  .filter((names) => names.length > 1)
  .flatMap((names) =>
    names.map((name) => ({
      name: `${name}-does-not-look-sideways`,
      severity: 'error',
      from: { path: room([name]), pathNot: '\\.test\\.ts$' },
      to: { path: room(names.filter((other) => other !== name)) },
    })),
  );

export default {
  forbidden: [
    ...floorRules,
    ...neighbourRules,
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'rooms-show-only-their-face',
      severity: 'error',
      comment: 'import another room through its index.ts',
      from: { path: '^src/([^/]+)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/[^/]+/', pathNot: ['^src/$1/', '/index\\.ts$'] },
    },
    {
      name: 'no-tensors-here',
      severity: 'error',
      comment: 'these rooms work on typed arrays: the widget and the report use them without TensorFlow.js',
      from: {
        path: room([
          'core',
          'platform',
          'formats',
          'storage',
          'config',
          'vision',
          'metrics',
          'data',
          'tracking',
          'reports',
        ]),
      },
      to: { path: ['@tensorflow/', '^src/engine/', '^src/nn/'] },
    },
    {
      name: 'no-tensors-in-the-page',
      severity: 'error',
      comment: 'the page talks to a worker that has them; protocol.ts holds types alone',
      from: { path: '^src/client/[^/]+\\.ts$', pathNot: '/protocol\\.ts$' },
      to: { path: '^src/(engine|nn|models|tasks|training|inference|export|runs)/|^src/client/worker/' },
    },
    {
      name: 'no-tensors-in-the-widget',
      severity: 'error',
      comment:
        'a page that runs a model loads no TensorFlow.js; tasks/decoding is what it needs of the tasks',
      from: { path: '^src/widget/|^workers/widget\\.' },
      to: {
        path: '@tensorflow/|^src/(engine|nn|models|data|training|inference|export|runs|client)/|^src/tasks/',
        pathNot: '^src/tasks/decoding/|^src/client/wire/',
      },
    },
    {
      name: 'no-tensors-in-decoding',
      severity: 'error',
      comment: 'pages use it; types are no import',
      from: { path: '^src/tasks/(decoding/|[^/]+/decode\\.ts|finite\\.ts)' },
      to: { path: '@tensorflow/|^src/(engine|nn|models|data)/' },
    },
    {
      name: 'not-to-tests',
      severity: 'error',
      from: { path: '^(src|workers)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(tests|bench)/|\\.test\\.ts$' },
    },
    {
      name: 'no-tensors-in-the-app',
      severity: 'error',
      comment: 'the app is a page: it talks to the worker through src/client',
      from: { path: '^src/app/' },
      to: {
        path: '@tensorflow/|^src/(engine|nn|models|tasks|training|inference|export|runs)/',
      },
    },
    {
      name: 'resolvable',
      severity: 'error',
      // Types for frameworks that this repository has not.
      from: { pathNot: '^src/widget/frameworks/' },
      // Vite makes an address of a file.
      to: { couldNotResolve: true, pathNot: '\\.wasm\\?url$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Tests may look anywhere.
    exclude: { path: '\\.test\\.ts$' },
    tsPreCompilationDeps: true,
    parser: 'swc',
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
