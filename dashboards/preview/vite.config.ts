import { cpSync } from 'node:fs';
import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  // Grafana's libraries know Node's name for the global object.
  define: { global: 'globalThis' },
  esbuild: { jsx: 'automatic' },
  // Seconds matter more than bytes on a page that only a screenshot sees.
  build: { minify: false, chunkSizeWarningLimit: 50_000, reportCompressedSize: false, target: 'es2022' },
  plugins: [
    {
      // Grafana's icons, where its components ask for them.
      name: 'icons',
      closeBundle: () =>
        cpSync('node_modules/@grafana/ui/dist/public', 'dist/public/build', { recursive: true }),
    },
  ],
});
