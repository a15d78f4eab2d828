import { defineConfig } from "vitest/config";

export default defineConfig({
  // The page is served at /v/{token}, perhaps below a path of the host: it finds its assets beside itself, at /v/assets/.
  base: "./",
  build: {
    outDir: "../anchor_service/page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000, // a guard against hanging, not a measure: the machine may be busy
  },
});
