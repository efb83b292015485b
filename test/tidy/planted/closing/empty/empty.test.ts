// Planted: a file without a test.
export {};
