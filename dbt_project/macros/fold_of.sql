{#- Cross-fitting fold of a user, 0 to n_folds − 1: the first 32 bits of
    md5(salt ':' user_id) as a number in [0, 1), times the number of folds. -#}
{% macro fold_of(user_id) -%}
    cast(floor(
        {{ hash_to_unit("'" ~ var("fold_salt") ~ ":' || " ~ user_id) }}
        * {{ var("n_folds") }}
    ) as integer)
{%- endmacro %}
