{{ config(materialized='view') }}
-- One row per skill that its publisher names. A new data set is a branch here.
select
    dataset,
    skill_key,
    skill_name

from {{ ref('stg_edm_cup_2023__skill_names') }}

union all

select
    dataset,
    skill_key,
    skill_name

from {{ ref('stg_assistments_2009__skill_names') }}
