{#- `train`, `val` or `test` from the user's id alone: the first 32 bits of
    md5(seed ':' user_id) as a number in [0, 1). -#}
{% macro split_of(user_id) -%}
    case
        when {{ hash_to_unit("'" ~ var("split_seed") ~ ":' || " ~ user_id) }}
            < {{ var("split_train_until") }} then 'train'
        when {{ hash_to_unit("'" ~ var("split_seed") ~ ":' || " ~ user_id) }}
            < {{ var("split_val_until") }} then 'val'
        else 'test'
    end
{%- endmacro %}
