/** The settings of categories in memory, for tests and the simulation: as long as it is kept itself, it outlives those who use it. */
import { type CategorySettings, type CategoryStore, isDefault } from "./categories.ts";

export function memoryCategoryStore(): CategoryStore {
  const known = new Map<string, Map<string, CategorySettings>>();
  const within = (environment: string): Map<string, CategorySettings> => {
    const its = known.get(environment) ?? new Map<string, CategorySettings>();
    known.set(environment, its);
    return its;
  };
  return {
    async set(environment, settings, most) {
      const its = within(environment);
      const others = its.size - (its.has(settings.name) ? 1 : 0);
      if (isDefault(settings)) its.delete(settings.name);
      else if (others >= most) return false;
      else its.set(settings.name, settings);
      return true;
    },
    among: async (environment, names) => [...new Set(names)].flatMap((name) => within(environment).get(name) ?? []),
    list: async (environment) => [...within(environment).values()].sort((one, other) => (one.name < other.name ? -1 : 1)),
  };
}
