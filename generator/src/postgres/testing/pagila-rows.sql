-- Pagila is a schema without rows.
insert into language values (1, 'English');
insert into actor values (1, 'PENELOPE', 'GUINESS');
insert into category values (1, 'Action');
insert into country values (1, 'Spain');
insert into city values (1, 'A Coruña (La Coruña)', 1);
insert into address values (1, '47 MySakila Drive', null, 'Alberta', 1, '', '14033335568');
insert into film (film_id, title, description, release_year, language_id, rating, special_features, fulltext, length)
  values (1, 'ACADEMY DINOSAUR', 'An Epic Drama', 2012, 1, 'PG', array['Deleted Scenes', 'Behind the Scenes'], 'academy', 86);
insert into film_actor values (1, 1);
insert into film_category values (1, 1);
begin;
set constraints all deferred;
alter table store disable trigger all;
insert into store values (1, 1, 1);
alter table store enable trigger all;
insert into staff values (1, 'Mike', 'Hillyer', 1, 'mike@example.org', 1, true, 'Mike', 'secret', now(), '\x89504e47');
commit;
insert into customer (customer_id, store_id, first_name, last_name, email, address_id)
  values (1, 1, 'MARY', 'SMITH', 'mary@example.org', 1);
insert into inventory values (1, 1, 1);
insert into rental (rental_id, rental_date, inventory_id, customer_id, staff_id)
  values (1, '2022-05-24 22:53:30+00', 1, 1, 1);
insert into payment (payment_id, customer_id, staff_id, rental_id, amount, payment_date)
  values (1, 1, 1, 1, 2.99, '2022-05-24 23:00:00+00');
refresh materialized view rental_by_category;
