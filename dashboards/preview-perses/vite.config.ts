import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  define: { global: 'globalThis', 'process.env.NODE_ENV': '"production"' },
  esbuild: { jsx: 'automatic' },
  // One copy of everything that keeps its state in a module.
  resolve: { dedupe: ['react', 'react-dom', '@mui/material', '@emotion/react', '@tanstack/react-query', 'echarts'] },
  // Seconds matter more than bytes on a page that only a screenshot sees.
  build: { minify: false, chunkSizeWarningLimit: 50_000, reportCompressedSize: false, target: 'es2022' },
});
