-- What stands for the copy of Lago's tables in this example: the sample, as text. Run in a new DuckDB
-- file, from the directory in which the sample's files are.
create schema lago_public;

create table lago_public.lago_organizations as
select * from read_csv('organizations.csv', all_varchar = true);

create table lago_public.lago_billing_entities as
select * from read_csv('billing_entities.csv', all_varchar = true);

create table lago_public.lago_invoices as
select * from read_csv('invoices.csv', all_varchar = true);

create table lago_public.lago_customers as
select * from read_csv('customers.csv', all_varchar = true);
