// Registered commands, as the composer needs them.
const SUBCOMMAND = 1, GROUP = 2, BOOLEAN = 5, USER = 6, CHANNEL = 7, ROLE = 8, MENTIONABLE = 9;

// "plans add" is one entry; a command without subcommands is one itself.
export function flatten(commands) {
  return commands.flatMap((command) => spread(command, command.name)).sort((a, b) => a.name.localeCompare(b.name));
}

function spread(command, name) {
  const inner = (command.options ?? []).filter((option) => option.type === SUBCOMMAND || option.type === GROUP);
  if (inner.length) return inner.flatMap((one) => spread(one, `${name} ${one.name}`));
  return [{ name, description: command.description, options: command.options ?? [] }];
}

export function needsMore(command, values) {
  return command.options.find((option) => option.required && !values.get(option.name)?.raw) ?? null;
}

// What an option offers by itself: choices, yes and no, people, roles, channels. `exact`: only the very name.
export function candidates(option, text, world, exact = false) {
  const wanted = text.trim().toLowerCase().replace(/^[@#]/, "");
  const fits = (one) => (exact ? one.name.toLowerCase() === wanted : one.name.toLowerCase().includes(wanted));
  return offered(option, world).filter(fits).slice(0, 25);
}

function offered(option, world) {
  if (option.choices) return option.choices;
  const people = () => world.members.map((member) => ({ name: member.name, value: member.id, hint: member.bot ? "app" : "" }));
  const roles = () => Object.entries(world.roles).map(([id, role]) => ({ name: role.name.replace(/^@/, ""), value: id }));
  const kinds = {
    [BOOLEAN]: () => [{ name: "True", value: true }, { name: "False", value: false }],
    [USER]: people,
    [ROLE]: roles,
    [MENTIONABLE]: () => [...people(), ...roles()],
    [CHANNEL]: () => Object.entries(world.channels).map(([id, name]) => ({ name, value: id })),
  };
  return kinds[option.type]?.() ?? [];
}
