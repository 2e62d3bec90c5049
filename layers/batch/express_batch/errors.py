"""The errors of the batch, one leaf for each thing that can be at fault.

BatchError
├── RetryableError                  the same call may succeed later; state machines list each leaf by name
│   ├── DatabaseUnavailableError    no connection, or lost in mid-transaction
│   ├── LimitUnavailableError       the table of the partner's limits did not answer, so nobody may call
│   ├── StorageUnavailableError     S3 did not answer, or throttled
│   └── StreamUnavailableError      Kinesis did not take all records in the time there was
└── PermanentError                  repeating it changes nothing; somebody has to act
    ├── SettingsError               environment variables missing or malformed
    ├── InvalidEventError           an event that does not have this function's shape
    ├── ChunkUnreadableError        a chunk object that is missing, not JSON or of another run
    ├── ListingTooLargeError        more chunks than a state payload holds
    ├── JobQueryError               the job's SELECT is refused by the database
    ├── JobFailedError              the job's code raised what no answer explains: a bug of it
    ├── StorageRefusedError         S3 refuses for good: no permission, no such bucket
    ├── SchemaError                 the ledger's tables are missing or differ
    ├── RecordTooLargeError         one row alone passes the stream's record limit
    └── RedriveRefusedError         a run that cannot be run again: running, unknown, expired, dry

PartnerApiError                     why one user's answer could not be had; never leaves SyncUsers
├── ApiThrottledError               429; carries how long to wait
├── ApiServerError                  5xx
├── ApiTimeoutError                 no complete answer within the time-out
├── ApiUnreachableError             no connection, or dropped in mid-answer
├── ApiUntrustedError               TLS cannot tell that it is the partner who answers
├── ApiRejectedError                any other status: 4xx, a redirect
├── AnswerTooLargeError             more bytes than an answer may have
├── LimitReachedError               the partner's rate leaves no call for this user in the time there is
├── TimeLeftError                   the time was over before an answer came
├── StoppedError                    an operator stopped the calls before an answer came
├── CircuitOpenError                the partner is down for everybody: nobody is called until a probe is answered
└── MalformedAnswerError            an answer that the job cannot turn into a row

Lambda reports the class's name as `errorType`, and a state machine matches exactly that name, not
its base classes (https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html).
Messages carry identifiers and a remedy, never an answer's content.
"""


class BatchError(Exception):
    """Base of everything the batch raises on purpose."""


class RetryableError(BatchError):
    """The same call may succeed later."""


class DatabaseUnavailableError(RetryableError):
    """The database could not be reached, or the connection broke."""


class LimitUnavailableError(RetryableError):
    """The table of the partner's limits did not answer."""


class StorageUnavailableError(RetryableError):
    """S3 did not answer as it should."""


class StreamUnavailableError(RetryableError):
    """Kinesis did not take every record."""


class PermanentError(BatchError):
    """Repeating the call changes nothing."""


class SettingsError(PermanentError):
    """Environment variables are missing or malformed."""


class InvalidEventError(PermanentError):
    """The event does not have this function's shape."""


class ChunkUnreadableError(PermanentError):
    """The chunk object cannot be used."""


class ListingTooLargeError(PermanentError):
    """The list of chunks does not fit a state payload."""


class JobQueryError(PermanentError):
    """The database refuses the job's query."""


class JobFailedError(PermanentError):
    """The job's code raised something that no answer explains."""


class StorageRefusedError(PermanentError):
    """S3 refuses for good."""


class SchemaError(PermanentError):
    """The ledger's tables are missing or differ."""


class RecordTooLargeError(PermanentError):
    """One row alone passes the stream's record limit."""


class RedriveRefusedError(PermanentError):
    """The run that was named cannot be run again."""


class PartnerApiError(BatchError):
    """Why one user's answer could not be had."""

    retryable = False


class ApiThrottledError(PartnerApiError):
    """The partner asks us to slow down (429)."""

    retryable = True

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ApiServerError(PartnerApiError):
    """The partner failed (5xx)."""

    retryable = True


class ApiTimeoutError(PartnerApiError):
    """No complete answer came in time."""

    retryable = True


class ApiUnreachableError(PartnerApiError):
    """No connection, or one that broke."""

    retryable = True


class ApiUntrustedError(PartnerApiError):
    """The certificate is not the partner's: unknown authority, another host's, expired."""


class ApiRejectedError(PartnerApiError):
    """The partner refuses the call for good (a 4xx other than 429, or a redirect)."""


class AnswerTooLargeError(PartnerApiError):
    """The answer has more bytes than one may have."""


class LimitReachedError(PartnerApiError):
    """The partner's rate leaves no call for this user in the time there is."""


class TimeLeftError(PartnerApiError):
    """The time was over before an answer came."""


class StoppedError(PartnerApiError):
    """An operator stopped the calls before an answer came."""


class CircuitOpenError(PartnerApiError):
    """The partner is down, so that nobody is called for."""


class MalformedAnswerError(PartnerApiError):
    """The answer cannot be turned into a row."""
