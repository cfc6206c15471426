// Preloaded: the version is told as one that is too old, by which alone the program judges.
Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } });
