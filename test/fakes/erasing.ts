/** For rooms whose tests erase nobody. */
export const noErasing = (): never => {
  throw new Error("nobody is erased here");
};
