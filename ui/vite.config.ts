import { defineConfig } from "vite";

import { singleFile } from "./single_file.ts";

export default defineConfig({
  base: "./",
  plugins: [singleFile()],
  build: {
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
});
