/** An engine as it is cannot be worked with, and waiting does not help: the message is a sentence for whoever runs the program. */
export class EngineRefusal extends Error {}
