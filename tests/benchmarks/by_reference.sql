-- How the rows of a notice lay in schema 0022: those of a case by its reference, which is a digest. It stays as it is,
-- so that whoever writes fewer pages for the same rows is ahead of it.

CREATE TABLE streams (
    n INTEGER NOT NULL,
    platform VARCHAR(64) NOT NULL,
    name VARCHAR(200) NOT NULL,
    PRIMARY KEY (n)
);
CREATE UNIQUE INDEX streams_name ON streams (platform, name);
CREATE TABLE events (
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at BIGINT NOT NULL,
    kind VARCHAR(40) NOT NULL,
    content BLOB NOT NULL,
    people BLOB NOT NULL,
    hash BLOB NOT NULL,
    mac BLOB NOT NULL,
    key_id BLOB NOT NULL,
    PRIMARY KEY (stream, seq),
    CONSTRAINT events_holds_bytes CHECK (typeof(content) = 'blob' AND typeof(people) = 'blob' AND typeof(hash) = 'blob' AND typeof(mac) = 'blob' AND typeof(key_id) = 'blob')
)
 WITHOUT ROWID;
CREATE TABLE keys (
    stream INTEGER NOT NULL,
    class VARCHAR(8) NOT NULL,
    wrapped BLOB NOT NULL,
    master_key_id VARCHAR(128) NOT NULL,
    PRIMARY KEY (stream, class),
    CONSTRAINT keys_holds_bytes CHECK (typeof(wrapped) = 'blob')
)
 WITHOUT ROWID;
CREATE TABLE parts (
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    name VARCHAR(200) NOT NULL,
    class VARCHAR(8) NOT NULL,
    bytes BLOB,
    PRIMARY KEY (stream, seq, name)
)
 WITHOUT ROWID;
CREATE TABLE log (
    platform VARCHAR(64) NOT NULL,
    n BIGINT NOT NULL,
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (platform, n),
    CONSTRAINT log_holds_bytes CHECK (typeof(hash) = 'blob')
)
 WITHOUT ROWID;
CREATE UNIQUE INDEX log_stream ON log (stream, seq);
CREATE TABLE cases (
    platform_id VARCHAR(64) NOT NULL,
    id VARCHAR(36) NOT NULL,
    notice_id VARCHAR(160) NOT NULL,
    authority_id VARCHAR(128) NOT NULL,
    quarantine_no INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    category VARCHAR(64) NOT NULL,
    received_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    urgent_at BIGINT NOT NULL,
    closed_at BIGINT,
    lease_token BIGINT NOT NULL,
    lease_owner VARCHAR(128) NOT NULL,
    lease_expires_at BIGINT,
    erased_at BIGINT,
    flags TEXT NOT NULL,
    PRIMARY KEY (platform_id, id)
)
 WITHOUT ROWID;
CREATE INDEX cases_claimable ON cases (platform_id, urgent_at, id) WHERE state = 'queued';
CREATE INDEX cases_claimable_authority_id ON cases (platform_id, authority_id, urgent_at, id) WHERE state = 'queued';
CREATE INDEX cases_claimable_category ON cases (platform_id, category, urgent_at, id) WHERE state = 'queued';
CREATE INDEX cases_ended ON cases (platform_id, closed_at, id) WHERE closed_at IS NOT NULL;
CREATE INDEX cases_in_hand ON cases (platform_id, urgent_at, id) WHERE closed_at IS NULL AND state <> 'queued';
CREATE INDEX cases_in_hand_authority_id ON cases (platform_id, authority_id, urgent_at, id) WHERE closed_at IS NULL AND state <> 'queued';
CREATE INDEX cases_in_hand_category ON cases (platform_id, category, urgent_at, id) WHERE closed_at IS NULL AND state <> 'queued';
CREATE INDEX cases_leased ON cases (platform_id, lease_expires_at) WHERE lease_expires_at IS NOT NULL;
CREATE UNIQUE INDEX cases_notice ON cases (platform_id, notice_id, authority_id, quarantine_no);
CREATE INDEX cases_paused ON cases (platform_id) WHERE closed_at IS NULL AND urgent_at > due_at;
CREATE TABLE watches (
    platform_id VARCHAR(64) NOT NULL,
    case_id VARCHAR(36) NOT NULL,
    watch_at BIGINT NOT NULL,
    running_watch_at BIGINT,
    PRIMARY KEY (platform_id, case_id)
)
 WITHOUT ROWID;
CREATE INDEX watches_due ON watches (platform_id, watch_at);
CREATE TABLE inbox (
    platform_id VARCHAR(64) NOT NULL,
    "key" VARCHAR(32) NOT NULL,
    body VARCHAR(32) NOT NULL,
    case_id VARCHAR(36) NOT NULL,
    message VARCHAR(32) NOT NULL,
    seq INTEGER NOT NULL,
    notice_id VARCHAR(160) NOT NULL,
    lodged_at BIGINT,
    PRIMARY KEY (platform_id, "key", body, case_id)
)
 WITHOUT ROWID;
CREATE INDEX inbox_case ON inbox (platform_id, case_id);
CREATE INDEX inbox_message ON inbox (platform_id, message) WHERE message <> '';
CREATE INDEX inbox_waits ON inbox (platform_id, notice_id) WHERE notice_id <> '';
CREATE TABLE outbox (
    platform_id VARCHAR(64) NOT NULL,
    case_id VARCHAR(36) NOT NULL,
    id VARCHAR(36) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    endpoint VARCHAR(32) NOT NULL,
    alert BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    deadline_at BIGINT,
    state VARCHAR(8) NOT NULL,
    lane VARCHAR(200) NOT NULL,
    lane_seq BIGINT NOT NULL,
    PRIMARY KEY (platform_id, case_id, id),
    CONSTRAINT outbox_holds_bytes CHECK (typeof(alert) = 'blob')
)
 WITHOUT ROWID;
CREATE INDEX outbox_held ON outbox (platform_id, id) WHERE state IN ('waiting', 'parked');
CREATE INDEX outbox_lane ON outbox (platform_id, lane, lane_seq) WHERE state = 'queued' AND lane <> '';
CREATE TABLE leases (
    platform_id VARCHAR(64) NOT NULL,
    case_id VARCHAR(36) NOT NULL,
    id VARCHAR(36) NOT NULL,
    endpoint VARCHAR(32) NOT NULL,
    urgent_at BIGINT NOT NULL,
    next_at BIGINT,
    attempts INTEGER NOT NULL,
    refusals INTEGER NOT NULL,
    refused_since BIGINT,
    token BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (platform_id, case_id, id)
)
 WITHOUT ROWID;
CREATE INDEX leases_due ON leases (platform_id, endpoint, urgent_at, next_at) WHERE next_at IS NOT NULL;
CREATE TABLE volumes (
    platform_id VARCHAR(64) NOT NULL,
    name VARCHAR(160) NOT NULL,
    at BIGINT NOT NULL,
    notices INTEGER NOT NULL,
    PRIMARY KEY (platform_id, name, at)
)
 WITHOUT ROWID;
