/** Where a broken promise is told. */
export type Report = (promise: string, how: string) => void;
