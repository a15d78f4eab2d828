import { defineConfig } from "vite";

/** Builds the protocol core alone, with noble, so that its size can be read off: it has to stay under 40 kB gzip. */
export default defineConfig({
  build: {
    outDir: "node_modules/.size",
    target: "es2022",
    lib: { entry: "src/protocol/verify.ts", formats: ["es"], fileName: "core" },
  },
});
