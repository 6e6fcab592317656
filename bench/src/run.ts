const names = process.argv.slice(2);
if (names.length === 0) {
  console.error(
    'usage: npm run bench -- NAME…   where NAME is a file of bench/src: vma, codecs, tar, pxar, dump, seek',
  );
  process.exitCode = 2;
}
for (const name of names) {
  const { bench } = (await import(new URL(`./${name}.js`, import.meta.url).href)) as {
    bench(): Promise<void>;
  };
  await bench();
}
