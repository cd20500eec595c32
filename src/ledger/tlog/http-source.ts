import { AnswerTooLarge, exchange, type HttpTarget } from './http-exchange.ts';
import { LogFault, type LogSource } from './log-source.ts';

/** The public files of a log on a web server. */
export function httpSource(target: HttpTarget): LogSource {
  return {
    async read(path, bytesMax) {
      const { status, body } = await exchange(target, path, { bytesMax }).catch((cause: unknown) => {
        const reason = cause instanceof Error ? cause.message : String(cause);
        const kind = cause instanceof AnswerTooLarge ? 'malformed' : 'unreachable';
        throw new LogFault(kind, path, reason, undefined, cause);
      });
      if (status === 404 || status === 410) return undefined;
      if (status !== 200) throw new LogFault('unreachable', path, `the log answered with status ${status}`);
      return body;
    },
  };
}
