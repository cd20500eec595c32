import { defineConfig } from 'hardhat/config';

/** A chain on this machine, for the tests and for trying things out (`npm run chain`). */
export default defineConfig({});
