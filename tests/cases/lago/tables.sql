-- The tables that the report reads, in Lago's own column types, among others that it must not touch.
-- A user who may only read, and whose password is hard to quote.
create type tax_status as enum ('pending', 'succeeded', 'failed');

create table organizations (
    id uuid primary key,
    name varchar not null,
    created_at timestamp(6) not null,
    email_settings varchar[] not null default '{}',
    vat_rate double precision not null default 0
);

create table billing_entities (
    id uuid primary key,
    organization_id uuid not null,
    code varchar not null,
    name varchar not null,
    archived_at timestamp,
    deleted_at timestamp,
    feature_flags jsonb not null default '{}'
);

create table customers (
    id uuid primary key,
    organization_id uuid not null,
    external_id varchar not null,
    name varchar,
    deleted_at timestamp,
    vat_rate double precision
);

create table invoices (
    number varchar default '',
    id uuid primary key,
    organization_id uuid not null,
    billing_entity_id uuid not null,
    status integer not null default 1,
    payment_status integer not null default 0,
    invoice_type integer not null default 0,
    issuing_date date,
    currency varchar,
    total_amount_cents bigint not null default 0,
    self_billed boolean not null default false,
    payment_dispute_lost_at timestamp,
    updated_at timestamp(6) not null,
    tax_status tax_status,
    taxes_rate double precision not null default 0,
    customer_id uuid,
    payment_due_date date,
    total_paid_amount_cents bigint not null default 0,
    untouched numeric
);

create role reader login password 'planted'' "\/@secret';
grant select on organizations, billing_entities, customers to reader;
grant select (
    id, organization_id, billing_entity_id, status, payment_status, issuing_date, currency,
    total_amount_cents, self_billed, payment_dispute_lost_at, updated_at, number, invoice_type, customer_id,
    payment_due_date, total_paid_amount_cents
) on invoices to reader;
