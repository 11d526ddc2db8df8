/** How large a record may be, its key and headers counted. */
import type { Topic } from "#domain/topics.ts";
import { DeadLetterSchema } from "#gen/carillon/event/v1/event_pb.ts";

/** A value of a mebibyte with its key and headers; a dead letter holds a whole record and more. */
const MOST_BYTES = 1_114_112;
const MOST_DEAD_LETTER_BYTES = 2_097_152;
export const mostRecordBytes = ({ schema }: Topic): number => (schema === DeadLetterSchema ? MOST_DEAD_LETTER_BYTES : MOST_BYTES);
